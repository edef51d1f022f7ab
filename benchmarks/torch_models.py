"""The five tutorials in PyTorch, for the other benchmarks: the same layers, losses, optimiser and order of the updates.

Batch normalisation's momentum is the other way round there (0.01 for 0.99), and its Adam adds epsilon elsewhere; neither
matters to the speed.
"""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

_SETTINGS = {  # z, batch, learning rate, beta1, label of real images, image shape
    "vanilla": (100, 128, 1e-3, 0.9, 1.0, (1, 28, 28)),
    "mlp": (96, 128, 3e-4, 0.5, 1.0, (1, 28, 28)),
    "dcgan28": (100, 64, 1e-3, 0.5, 0.9, (1, 28, 28)),
    "dcgan64": (100, 64, 2e-4, 0.5, 1.0, (3, 64, 64)),
    "dogs": (1000, 64, 2e-4, 0.5, 1.0, (3, 64, 64)),
}


def _networks(model, channels):
    """(G, D) as modules; z [N, z_dim] -> images [N, channels, h, w] -> logits [N, 1]."""
    leaky = nn.LeakyReLU(0.2)
    if model == "vanilla":
        g = [nn.Linear(100, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28))]
        d = [nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 1)]
    elif model == "mlp":
        g = [nn.Linear(96, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 784), nn.Tanh()]
        g += [nn.Unflatten(1, (1, 28, 28))]
        d = [nn.Flatten(), nn.Linear(784, 256), leaky, nn.Linear(256, 256), leaky, nn.Linear(256, 1)]
    elif model == "dcgan28":
        norm = {"eps": 1e-3, "momentum": 0.01}
        g = [nn.Linear(100, 8192), nn.Unflatten(1, (512, 4, 4)), nn.BatchNorm2d(512, **norm), nn.ReLU()]
        g += [nn.ConvTranspose2d(512, 256, 4), nn.BatchNorm2d(256, **norm), nn.ReLU()]
        g += [nn.ConvTranspose2d(256, 128, 3, 2, 1, 1), nn.BatchNorm2d(128, **norm), nn.ReLU()]
        g += [nn.ConvTranspose2d(128, channels, 3, 2, 1, 1), nn.Tanh()]
        d = [nn.Conv2d(channels, 128, 5, 2, 2), leaky, nn.Dropout(0.2)]
        d += [nn.Conv2d(128, 256, 5, 2, 2), nn.BatchNorm2d(256, **norm), leaky, nn.Dropout(0.2)]
        d += [nn.Conv2d(256, 512, 5, 2, 2), nn.BatchNorm2d(512, **norm), leaky, nn.Flatten(), nn.Linear(8192, 1)]
    elif model == "dcgan64":
        norm = {"eps": 1e-5, "momentum": 0.1}
        g, d, sizes = [nn.Unflatten(1, (100, 1, 1))], [], (1024, 512, 256, 128)
        for before, after in zip((100, *sizes), sizes, strict=False):
            stride, pad = (1, 0) if before == 100 else (2, 1)
            g += [nn.ConvTranspose2d(before, after, 4, stride, pad, bias=False), nn.BatchNorm2d(after, **norm), nn.ReLU()]
        g += [nn.ConvTranspose2d(128, 3, 4, 2, 1, bias=False), nn.Tanh()]
        for before, after in zip((3, *sizes[::-1]), sizes[::-1], strict=False):
            d += [nn.Conv2d(before, after, 4, 2, 1, bias=False)]
            d += [leaky] if before == 3 else [nn.BatchNorm2d(after, **norm), leaky]
        d += [nn.Conv2d(1024, 1, 4, bias=False), nn.Flatten()]
    else:
        g = [nn.Linear(1000, 1024), nn.Tanh(), nn.Linear(1024, 8192), nn.BatchNorm1d(8192, 1e-3, 0.01), nn.Tanh()]
        g += [nn.Unflatten(1, (128, 8, 8)), nn.Upsample(scale_factor=4), nn.Conv2d(128, 64, 5, padding=2), nn.Tanh()]
        g += [nn.Upsample(scale_factor=2), nn.Conv2d(64, 3, 5, padding=2), nn.Tanh()]
        d = [nn.Conv2d(3, 64, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 5), nn.Tanh(), nn.MaxPool2d(2)]
        d += [nn.Flatten(), nn.Linear(25088, 1024), nn.Tanh(), nn.Linear(1024, 1)]
    return nn.Sequential(*g), nn.Sequential(*d)


def make_step(model, batch, settings):
    """A function that runs one iteration on a batch that is ready in memory. settings: of `make_training`."""
    *_, shape = _SETTINGS[model]
    real = torch.rand(batch, *shape) * 2 - 1
    if "channels_last" in settings:
        real = real.to(memory_format=torch.channels_last)
    step, _ = make_training(model, batch, settings)
    return lambda: step(real)


def make_training(model, batch, settings, channels=None):
    """(step, G). step(real [batch, channels, h, w]) runs one iteration, D's update, then G's; it returns their losses, scalars.

    channels: of dcgan28's images; by default its tutorial's.
    settings: any of bfloat16 (PyTorch's own choice of operations), channels_last, compiled, fused (Adam as one operation for all
    variables), single (one thread).
    """
    torch.manual_seed(0)
    if "single" in settings:
        torch.set_num_threads(1)
    z_dim, _, rate, beta1, real_label, shape = _SETTINGS[model]
    g, d = _networks(model, channels or shape[0])
    if "channels_last" in settings:
        g, d = (x.to(memory_format=torch.channels_last) for x in (g, d))
    of_g, of_d = (torch.optim.Adam(x.parameters(), rate, (beta1, 0.999), fused="fused" in settings) for x in (g, d))
    labels = [torch.full((batch, 1), value) for value in (real_label, 0.0, 1.0)]
    g_, d_ = (torch.compile(g), torch.compile(d)) if "compiled" in settings else (g, d)

    def latent():
        return torch.randn(batch, z_dim) if model == "dcgan64" else torch.rand(batch, z_dim) * 2 - 1

    def computing():  # around forward passes alone: weights that it has cast in one pass may lack gradients in another
        return torch.autocast("cpu", torch.bfloat16, enabled="bfloat16" in settings)

    def update(optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def step(real):
        if "channels_last" in settings:
            real = real.to(memory_format=torch.channels_last)
        if model == "dogs":
            g.eval()
            with torch.no_grad(), computing():
                fake = g_(latent())
            g.train()
            with computing():
                of_d_loss = binary_cross_entropy_with_logits(d_(torch.cat([real, fake])), torch.cat(labels[:2]))
        else:
            with computing():
                fake = g_(latent())
                of_d_loss = binary_cross_entropy_with_logits(d_(real), labels[0])
                of_d_loss = of_d_loss + binary_cross_entropy_with_logits(d_(fake.detach()), labels[1])
        of_d_loss = update(of_d, of_d_loss)
        for parameter in d.parameters():  # G's update needs no gradients of D's weights
            parameter.requires_grad_(False)
        with computing():
            if model in ("vanilla", "dogs"):
                fake = g_(latent())
            of_g_loss = binary_cross_entropy_with_logits(d_(fake), labels[2])
        of_g_loss = update(of_g, of_g_loss)
        for parameter in d.parameters():
            parameter.requires_grad_(True)
        return of_d_loss, of_g_loss

    return step, g
