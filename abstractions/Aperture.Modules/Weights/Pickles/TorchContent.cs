namespace Aperture.Weights;

/// <summary>What a file of torch.save holds: the object, and the storages its tensors lie in, each with its place in the file.</summary>
internal sealed record TorchContent(object? Value, IReadOnlyList<PickledStorage> Storages);
