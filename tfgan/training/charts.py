"""The title and the description of each tag in TensorBoard."""

from typing import NamedTuple

from tfgan.quality.measurements import HIGHER_IS_BETTER


class Chart(NamedTuple):
    """What TensorBoard shows of a tag beside its values."""

    title: str  # above its chart
    description: str  # Markdown


# metrics.jsonl's names -> TensorBoard's
TAGS = {
    "d_loss": "loss/d_loss",
    "d_loss_real": "loss/d_loss_real",
    "d_loss_fake": "loss/d_loss_fake",
    "g_loss": "loss/g_loss",
    "d_penalty": "loss/d_penalty",
    "d_class_loss": "loss/d_class_loss",
    "d_real": "discriminator/mean_output_on_real",
    "d_fake": "discriminator/mean_output_on_fake",
    "g_gradient": "training/g_gradient",
    "diversity": "training/diversity",
    "images_per_second": "speed/images_per_second",
    **{
        name: f"quality/{name}"
        for name in (*HIGHER_IS_BETTER, "recognised", "classifier_score", "classes_covered", "class_imbalance")
    },
}
_PROBABILITY = "the mean of a sigmoid of D's logits. With the tutorials' loss it is the probability that an image is real."
_OF_PAIRS = "The relativistic loss is one value for both, and this is half of it."
CHARTS = {
    "loss/d_loss": Chart(
        "D's loss",
        "What D's update minimises: 1.39 (2 ln 2, times the recipe's d_loss_weight) where D guesses, far less where D wins. "
        "With the relativistic loss it is half of that where D guesses. "
        "It does not say how good the pictures are.",
    ),
    "loss/d_loss_real": Chart(
        "D's loss on real images", f"The half of D's loss that is low when D calls real images real. {_OF_PAIRS}"
    ),
    "loss/d_loss_fake": Chart("D's loss on fakes", f"The half of D's loss that is low when D calls G's images fake. {_OF_PAIRS}"),
    "loss/d_penalty": Chart("The penalty on D's gradient", "A part of D's loss, times its weight; near 0 where D is smooth."),
    "loss/d_class_loss": Chart(
        "D's loss of the classes",
        "A part of D's loss where D also names the class: the mean cross-entropy of its classes on real images, plus that on "
        "fakes. It is 2 ln C (4.61 for ten classes) where D guesses, and near 0 where D knows each class.",
    ),
    "loss/g_loss": Chart(
        "G's loss",
        "What G's update minimises: 0.69 (ln 2) where D guesses, less where D calls G's images real, more where D wins. "
        "Where D also names the class, the cross-entropy of the fakes' classes is added.",
    ),
    "discriminator/mean_output_on_real": Chart("D's output on real images", f"For the real batch, {_PROBABILITY}"),
    "discriminator/mean_output_on_fake": Chart("D's output on fakes", f"For the batch that G made, {_PROBABILITY}"),
    "training/g_gradient": Chart("G's gradient", "The norm of the gradient over all of G's variables. Near 0, G stands still."),
    "training/diversity": Chart(
        "Diversity of the fakes",
        "How far the batch's fakes differ from each other, divided by how far its real images do. Near 0, G has collapsed.",
    ),
    "speed/images_per_second": Chart("Images per second", "Real images per second of training, since the point before."),
    "samples": Chart("Samples", "What G makes of the same noise each time, with the moving averages of batch normalisation."),
    "real": Chart("Real images", "The first images of the first epoch, to compare the samples with."),
    "fake_beside_real": Chart("Fakes beside reals", "The batch just trained on: G's images left, real ones right."),
}
CHARTS |= {
    f"quality/{name}": Chart(title, f"Samples against real images: {text} The protocol is in the run's folder quality.")
    for name, title, text in (
        ("frechet_distance", "Frechet distance", "lower is better; equal sets of images have about 0."),
        ("kernel_distance", "Kernel distance", "lower is better; equal sets of images have 0, give or take its spread."),
        ("precision", "Precision", "the share of samples that look like some real image."),
        ("recall", "Recall", "the share of real images that look like some sample."),
        ("density", "Density", "how many real images a sample is near to; about 1 for equal sets of images."),
        ("coverage", "Coverage", "the share of real images that have a sample near."),
        ("recognised", "Recognised", "the share of samples that EfficientNet-Lite2 names as it names most real images."),
        ("classifier_score", "Classifier score", "from 1 to the number of classes; more is sharper and more varied."),
        ("classes_covered", "Classes covered", "the number of classes that at least a hundredth of the samples belong to."),
        ("class_imbalance", "Imbalance of classes", "the share of the samples that would have to change their class."),
        ("class_agreement", "Agreement with the classes", "the share of samples that are seen as the class asked for."),
        ("mean_frechet_distance_within_classes", "Frechet distance within classes", "lower is better; the mean of all classes."),
    )
}
