"""The tutorials, one a file: `generator`, `discriminator`, `RECIPES`, `TRAITS`, `ODDITIES`. The file's name is the model's name.

Begin with `vanilla`. To add a model, add a file here and its name to `recipes.MODELS`. A model uses layers, initializers,
labels and the classes `Recipe` and `Traits`, and nothing else of tfgan.
"""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traits:
    """What a model's file says of its networks, beside the networks themselves: `TRAITS` in each file.

    g_batch_norm, d_batch_norm: whether G and D have batch normalisation. With it, D's logit of an image depends on the other
        images of the batch.
    d_batch_statistics: whether D's batch normalisation uses the statistics of the batch after training, too.
    can_make: function, side of square images in pixels -> whether G can make them. None: only its recipes' size.
    z_epsilon: a G that first divides z by sqrt(mean(z**2) + z_epsilon) names it. None: G takes z as it is.
    tf1_names: the source program's names of variables -> tfgan's, where the source has names of its own.
    threads_per_operation: CPU threads that one operation may use. 0: as many as there are.
    """

    g_batch_norm: bool = False
    d_batch_norm: bool = False
    d_batch_statistics: bool = False
    can_make: Callable[[int], bool] | None = None
    z_epsilon: float | None = None
    tf1_names: dict[str, str] = dataclasses.field(default_factory=dict)
    threads_per_operation: int = 0
