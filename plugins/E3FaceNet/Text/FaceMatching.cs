using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Text;

/// <summary>CLIP's image encoder, which says how well pictures fit sentences. Owns its weights.</summary>
internal sealed class FaceMatching : IDisposable
{
    private const string Prefix = "vision_model.", Projection = "visual_projection.weight", OriginalProjection = "visual.proj", Scale = "logit_scale";

    // Of photographs between 0 and 1. The published code takes them from pictures between -1 and 1 all the same.
    private static readonly float[] _mean = [0.48145466f, 0.4578275f, 0.40821073f], _deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    private readonly IWeightSource _source;
    private readonly VisionTransformer _tower;
    private readonly Tensor _projection, _scale, _shift, _gain;

    private FaceMatching(IWeightSource source, VisionTransformer tower, Tensor projection, Tensor scale, Device device)
    {
        (_source, _tower, _projection, _scale) = (source, tower, projection, scale);
        _shift = tensor(_mean, [1, 3, 1, 1]).to(device).DetachFromDisposeScope();
        _gain = tensor(_deviation, [1, 3, 1, 1]).to(device).DetachFromDisposeScope();
    }

    /// <summary>Opens the image part of a CLIP: a folder in Hugging Face's layout, or OpenAI's file.</summary>
    /// <param name="path">Folder or file.</param>
    /// <param name="device">Where it runs.</param>
    /// <returns>Null where there is the text part alone.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static FaceMatching? Open(string path, Device device)
    {
        IWeightSource source = WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
        VisionTransformer? tower = null;
        try
        {
            bool original = source.Contains(OriginalProjection);
            if (!original && !source.Contains(Projection))
            {
                source.Dispose();
                return null;
            }

            WeightPolicy policy = new(device, ScalarType.Float32, ScalarType.Float32);
            OpenAiClipWeights? view = original ? new OpenAiClipWeights(source) : null;
            VisionTransformerConfig config = view?.ReadConfig() ?? ReadConfig(source, path);
            VisionTransformerWeights weights = ClipVision.Load(view ?? source, original ? "" : Prefix, config, policy, config.Layers, postNorm: true);
            tower = new VisionTransformer(config, weights, new Ops(device, ScalarType.Float32));
            using DisposeScope scope = NewDisposeScope();
            Tensor projection = source.LoadCopy(original ? OriginalProjection : Projection, ScalarType.Float32).to(device);
            projection = original ? projection.t() : projection; // OpenAI multiplies from the other side: [C, P] -> [P, C]
            Tensor scale = source.LoadCopy(Scale, ScalarType.Float32).to(device);
            return new FaceMatching(source, tower, projection.contiguous().DetachFromDisposeScope(), scale.DetachFromDisposeScope(), device);
        }
        catch
        {
            tower?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>How well each picture fits each sentence; gradients reach the pictures.</summary>
    /// <param name="pictures">Between -1 and 1, <c>[B, 3, H, W]</c>; borrowed.</param>
    /// <param name="pooled">The sentences' pooled rows <c>[B, P]</c>; borrowed.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>Cosines times CLIP's scale <c>[pictures, sentences]</c>; the caller disposes it.</returns>
    public Tensor Logits(Tensor pictures, Tensor pooled, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        int side = _tower.Config.ImageSize;
        Tensor fitted = F.interpolate(pictures, [side, side], mode: InterpolationMode.Bilinear, align_corners: false); // -> [B, 3, side, side]
        VisionRun run = _tower.Run(fitted.sub(_shift).div(_gain), VisionRequest.Plain with { Differentiable = true }, cancellationToken);
        Tensor seen = F.linear(_tower.Pool(run[run.Blocks]), _projection); // [B, N, C] -> [B, C] -> [B, P]
        return F.normalize(seen, 2, 1).matmul(F.normalize(pooled, 2, 1).t()).mul(_scale.exp()).MoveToOuterDisposeScope(); // -> [B, B]
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        _tower.Dispose();
        _source.Dispose();
        foreach (Tensor own in new[] { _projection, _scale, _shift, _gain })
        {
            own.Dispose();
        }
    }

    private static VisionTransformerConfig ReadConfig(IWeightSource source, string path)
    {
        string file = Path.Combine(Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!, ModelFolder.ConfigFile);
        return File.Exists(file) ? ClipVision.Parse(ModelFolder.ReadJson(file), file) : ClipVision.Of(source, Prefix);
    }
}
