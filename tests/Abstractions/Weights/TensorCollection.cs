namespace Aperture.Abstractions.Tests.Weights;

/// <summary>Tests that count live tensors or read the process's memory map run one after the other.</summary>
[CollectionDefinition("tensors", DisableParallelization = true)]
public sealed class TensorCollection;
