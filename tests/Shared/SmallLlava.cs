using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Tests;

/// <summary>A LLaVA checkpoint folder of a few hundred kilobytes with random weights, and a picture for it; written once for all tests.</summary>
public sealed class SmallLlava : IDisposable
{
    private static readonly ModelShape _shape = new(
        "small",
        new DecoderSpec
        {
            HiddenSize = 32,
            IntermediateSize = 48,
            Layers = 4,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 8,
            VocabularySize = 32064,
            NormEpsilon = 1e-5,
            MaxPositions = 512,
            Rotary = new RotaryConfig { Dimensions = 8, MaxPositions = 512 },
        },
        new VisionTransformerConfig { HiddenSize = 16, IntermediateSize = 32, Layers = 3, Heads = 2, ImageSize = 32, PatchSize = 8 });

    public SmallLlava()
    {
        Root = Directory.CreateTempSubdirectory("aperture-small").FullName;
        RandomCheckpoint.Write(Folder, _shape, ScalarType.BFloat16, _ => { }, CancellationToken.None);
        byte[] pixels = new byte[40 * 30 * 3];
        new Random(1).NextBytes(pixels);
        Image.FromRgb(pixels, 40, 30).SavePng(Picture);
    }

    public string Root { get; }

    public string Folder => Path.Combine(Root, "small");

    public string Picture => Path.Combine(Root, "picture.png");

    /// <summary>A session over the plugins that are built beside the tests.</summary>
    public EngineSession Open(ModelOptions? options = null) => EngineSessions.Open(options);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
