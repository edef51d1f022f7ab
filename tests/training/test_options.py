"""The options of `python -m tfgan.train`: those that are refused, and what the others become."""

import pytest

from tfgan.errors import UserError
from tfgan.training import options


def settings_of(*words):
    return options.settings(options.parser().parse_args(words))


@pytest.mark.parametrize(("arguments", "words"), [
    *(([f"--{name}-every=0"], f"--{name}-every is 0; it must be 1 or more")
      for name in ("sample", "summary", "histogram", "checkpoint", "evaluate")),
    (["--features=pixels"], "--features needs --evaluate-every; give that, too"),
    (["--features=pixels", "--keep-best=recall"], "--keep-best needs --evaluate-every; give that, too"),
    (["--evaluate-images=9"], "--evaluate-images is 9; it must be from 10 to 100,000"),
    (["--evaluate-images=100001"], "--evaluate-images is 100001; it must be from 10 to 100,000"),
    (["--keep=0"], "--keep is 0; it must be 1 or more"),
    (["--checkpoint-minutes=0"], "--checkpoint-minutes is 0.0; it must be above 0"),
    (["--checkpoint-minutes=nan"], "--checkpoint-minutes is nan; it must be above 0"),
    ([f"--seed={2**63}"], f"--seed is {2**63}; it must be from 0 to 9,223,372,036,854,775,807"),
    (["--device=0", "--devices=0,1"], "--device 0 and --devices: the second says it all; leave the first out"),
    (["--optimizer=adamw"], "optimizer is 'adamw'; it must be one of adam, sgd"),
    (["--augment=color,blur"], "augment is 'blur'; it must be one or more of color, translation, cutout"),
    (["--features=vgg"], "--features is 'vgg'; it must be one of classifier, imagenet, inception, random, pixels"),
    (["--devices=0,0"], "argument --devices: '0,0' is not a list of different numbers such as 0,1"),
    (["--devices=0,00"], "argument --devices: '0,00' is not a list of different numbers such as 0,1"),
    (["--devices=0,"], "argument --devices: '0,' is not a list of different numbers such as 0,1"),
    (["--device=-1"], "argument --device: '-1' is not auto, cpu, gpu or a GPU's number"),
    (["--image-size=32"], "argument --image-size: invalid choice: 32 (choose from"),
    (["--recipe=best", "--dataset=fashion-mnist"], "--recipe best: none was measured for fashion-mnist; there is one of mnist, "),
])  # fmt: skip
def test_options_that_are_refused(arguments, words):
    with pytest.raises(UserError) as error:
        settings_of(*arguments)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize("arguments", [
    ["--evaluate-images=10"], ["--evaluate-images=100000"], ["--keep=1"], ["--checkpoint-minutes=1e-9"], ["--sample-every=1"],
    [f"--seed={2**63 - 1}"], ["--device=cpu", "--devices=0,1"], ["--mixed-precision"], ["--augment="],
    ["--recipe=best", "--dataset=mnist", "--model=compact"],
])  # fmt: skip
def test_options_at_their_limits(arguments):
    settings_of(*arguments)


def test_what_some_options_become():
    settings = settings_of("--devices=1,0", "--augment=color,cutout", "--evaluate-every=7", "--flip", "--spectral-normalization")
    assert (settings.hardware.devices, settings.recipe.augment) == ((1, 0), ("color", "cutout"))
    assert (settings.evaluate_every, settings.evaluate_images, settings.features) == (7, 2000, None)
    assert (settings.recipe.flip, settings.recipe.spectral_normalization) == (True, True)
    plain = settings_of("--augment=")
    assert (plain.recipe.augment, plain.recipe.flip, plain.evaluate_every, plain.hardware.devices) == ((), False, None, None)
