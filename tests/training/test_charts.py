"""What TensorBoard says of each chart."""

from tfgan.runs import saved
from tfgan.training import charts

# TensorBoard's tag -> words that tell what it shows, typed in a second time
SHOWN = {
    "loss/d_loss": "What D's update minimises: 1.39 (2 ln 2, times the recipe's d_loss_weight) where D guesses, far less",
    "loss/d_loss_real": "The half of D's loss that is low when D calls real images real. The relativistic loss is one value for "
    "both, and this is half of it.",
    "loss/d_loss_fake": "The half of D's loss that is low when D calls G's images fake. The relativistic loss is one value for "
    "both, and this is half of it.",
    "loss/d_penalty": "A part of D's loss, times its weight; near 0 where D is smooth.",
    "loss/d_class_loss": "It is 2 ln C (4.61 for ten classes) where D guesses, and near 0 where D knows each class.",
    "loss/g_loss": "What G's update minimises: 0.69 (ln 2) where D guesses, less where D calls G's images real, more",
    "discriminator/mean_output_on_real": "For the real batch, the mean of a sigmoid of D's logits.",
    "discriminator/mean_output_on_fake": "For the batch that G made, the mean of a sigmoid of D's logits.",
    "training/g_gradient": "The norm of the gradient over all of G's variables. Near 0, G stands still.",
    "training/diversity": "How far the batch's fakes differ from each other, divided by how far its real images do. Near 0",
    "speed/images_per_second": "Real images per second of training, since the point before.",
    "samples": "What G makes of the same noise each time, with the moving averages of batch normalisation.",
    "real": "The first images of the first epoch, to compare the samples with.",
    "fake_beside_real": "The batch just trained on: G's images left, real ones right.",
    "quality/frechet_distance": "lower is better; equal sets of images have about 0.",
    "quality/kernel_distance": "lower is better; equal sets of images have 0, give or take its spread.",
    "quality/precision": "the share of samples that look like some real image.",
    "quality/recall": "the share of real images that look like some sample.",
    "quality/density": "how many real images a sample is near to; about 1 for equal sets of images.",
    "quality/coverage": "the share of real images that have a sample near.",
    "quality/classifier_score": "from 1 to the number of classes; more is sharper and more varied.",
    "quality/classes_covered": "the number of classes that at least a hundredth of the samples belong to.",
    "quality/class_imbalance": "the share of the samples that would have to change their class.",
    "quality/class_agreement": "the share of samples that are seen as the class asked for.",
    "quality/mean_frechet_distance_within_classes": "lower is better; the mean of all classes.",
}


def test_each_chart_is_described_and_none_as_another():
    assert SHOWN.keys() == charts.CHARTS.keys()
    assert set(charts.TAGS.values()) <= set(charts.CHARTS)
    for tag, words in SHOWN.items():
        assert [other for other, chart in charts.CHARTS.items() if words in chart.description] == [tag]
    for name, higher_is_better in saved.HIGHER_IS_BETTER.items():
        assert ("lower is better" in charts.CHARTS[charts.TAGS[name]].description) != higher_is_better, name
