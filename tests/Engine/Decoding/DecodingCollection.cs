namespace Aperture.Engine.Tests.Decoding;

/// <summary>Tests that run decoders and count live tensors run one after the other.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DecodingCollection
{
    public const string Name = "decoding";
}
