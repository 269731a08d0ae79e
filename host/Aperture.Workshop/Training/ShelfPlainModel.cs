using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Training;
using Aperture.Vision;
using static Aperture.Workshop.ShelfArchitecture;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>The small model itself: a LLaVA with a CLIP tower of its own, begun from a seed.</summary>
internal sealed class ShelfPlainModel : IShelfModel
{
    // CLIP's normalisation.
    private static readonly float[] _mean = [0.48145466f, 0.4578275f, 0.40821073f], _deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    private readonly ShelfTokenizer _tokenizer;
    private readonly VisionTransformerConfig _tower;
    private readonly ShelfParameters _parameters;
    private readonly Ops _training;

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="tower">Sizes of the tower.</param>
    /// <param name="seed">Seed of the first weights.</param>
    /// <param name="compute">Element type that is computed in.</param>
    public ShelfPlainModel(ShelfTokenizer tokenizer, VisionTransformerConfig tower, long seed, ScalarType compute)
    {
        (_tokenizer, _tower) = (tokenizer, tower);
        _parameters = new ShelfParameters(tokenizer.Count, seed, tower);
        Decoder = ShelfArchitecture.Decoder(tokenizer.Count);
        Patches = new ShelfPatches(tower.Grid);
        PromptHead = [tokenizer.BeginToken, .. tokenizer.Encode("USER: ")];
        Ops = new Ops(CPU, compute, threads: 1);
        _training = Ops.ForTraining();
    }

    public ShelfNames Names => ShelfArchitecture.Names;

    public IReadOnlyDictionary<string, Tensor> Tensors => _parameters.Tensors;

    public DecoderSpec Decoder { get; }

    public ShelfPatches Patches { get; }

    public Ops Ops { get; }

    public int[] PromptHead { get; }

    public Tensor Features(byte[][] pictures, int side, bool frozen)
    {
        using IDisposable? quiet = frozen ? no_grad() : null;
        using ParameterSource source = new(_parameters.Tensors, Ops.Type);
        int blocks = _tower.Layers + 1 + FeatureLayer;
        VisionTransformerWeights weights = ClipVision.Load(source, TowerPrefix, _tower, Policy, blocks, postNorm: false);
        using VisionTransformer tower = new(_tower, weights, frozen ? Ops : _training);
        VisionRun run = tower.Run(Pixels(pictures, side), new VisionRequest { Differentiable = !frozen }, CancellationToken.None);
        return run[blocks].narrow(1, 1, Patches.Count); // [pictures, 1 + patches, C] -> [pictures, patches, C]
    }

    public Tensor Project(Tensor features)
    {
        using ParameterSource source = new(_parameters.Tensors, Ops.Type);
        using Projector projector = Projector.Load(source, Names.Projector, _tower.HiddenSize, Decoder.HiddenSize, "gelu", bias: true, Policy);
        return projector.Run(features);
    }

    public void Write(string folder) => ShelfModelFiles.Write(folder, _parameters.Tensors, _tokenizer, _tower, ScalarType.BFloat16);

    public void Dispose()
    {
        Ops.Dispose();
        _parameters.Dispose();
    }

    private WeightPolicy Policy => new(CPU, Ops.Type, Ops.Type);

    private Tensor Pixels(byte[][] pictures, int side)
    {
        if (side != _tower.ImageSize)
        {
            ClipImageProcessor processor = new(
                new ClipImageProcessorConfig { ShortestEdge = _tower.ImageSize, CropHeight = _tower.ImageSize, CropWidth = _tower.ImageSize });
            return stack([.. pictures.Select(picture => processor.Process(ShelfEvaluationSet.Picture(picture, side)))]);
        }

        Tensor bytes = tensor(pictures.SelectMany(picture => picture).ToArray(), [pictures.Length, side, side, 3]);
        Tensor unit = bytes.permute(0, 3, 1, 2).to_type(ScalarType.Float32).div(255);
        return unit.sub(tensor(_mean, [1, 3, 1, 1])).div(tensor(_deviation, [1, 3, 1, 1])).contiguous();
    }
}
