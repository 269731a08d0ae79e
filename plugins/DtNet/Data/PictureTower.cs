using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>
/// Makes grid vectors of pictures with a vision encoder: its rows as a map, averaged down to the captioner's grid, as published features are made of a
/// detector's map. Owns the encoder.
/// </summary>
internal sealed class PictureTower : IDisposable
{
    private const string Processor = "preprocessor_config.json", Inside = "vision_tower.vision_model.", Alone = "vision_model.";

    private readonly IVisionEncoder _encoder;
    private readonly List<IDisposable> _owned;

    private PictureTower(IVisionEncoder encoder, List<IDisposable> owned) => (_encoder, _owned) = (encoder, owned);

    /// <summary>Channels of a vector.</summary>
    public int Channels => _encoder.Channels;

    /// <summary>Opens a CLIP tower: a folder of its own, or one of a model that has it inside, such as LLaVA's.</summary>
    /// <param name="folder">The folder, with <c>config.json</c>, weights and <c>preprocessor_config.json</c>.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="policy">How its matrices are kept, in float32; its operations outlive the tower. Null for as stored.</param>
    /// <exception cref="ApertureException">Something is missing, or it is no CLIP tower.</exception>
    public static PictureTower Open(string folder, Device device, WeightPolicy? policy = null)
    {
        List<IDisposable> owned = [];
        try
        {
            ModelFolder model = new(folder);
            JsonElement json = model.Config
                ?? throw new ApertureException($"{DtNetFactory.CaptionerName}: the tower folder '{folder}' has no config.json; give a CLIP tower's folder.");
            VisionTransformerConfig config = ClipVision.Parse(json, model.At(ModelFolder.ConfigFile));
            IWeightSource source = WeightFiles.Open(folder);
            owned.Add(source);
            string prefix = Array.Find([Inside, Alone, ""], start => source.Contains(start + "embeddings.class_embedding"))
                ?? throw new ApertureException(
                    $"{DtNetFactory.CaptionerName}: '{folder}' holds no CLIP tower (no embeddings.class_embedding); give the folder of one.");
            Ops ops = new(device, ScalarType.Float32);
            owned.Add(ops);
            policy = (policy ?? WeightPolicy.Of(ops)) with { Compute = ScalarType.Float32, Storage = ScalarType.Float32 };
            int layer = Math.Max(1, config.Layers - 1); // the last but one, as LLaVA takes
            VisionTransformerWeights weights = ClipVision.Load(
                source, prefix, config, policy, layer, postNorm: false);
            VisionTransformer tower = new(config, weights, ops);
            owned.Add(tower);
            ClipImageProcessor processor = new(ClipImageProcessorConfig.Load(model.At(Processor)));
            return new PictureTower(new VisionTransformerEncoder(tower, processor, [layer], keepClassToken: false), owned);
        }
        catch
        {
            Close(owned);
            throw;
        }
    }

    /// <inheritdoc cref="IVisionEncoder.Prepare"/>
    public VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height) => _encoder.Prepare(rgb, width, height);

    /// <summary>Encodes prepared pictures.</summary>
    /// <param name="inputs">The pictures; borrowed.</param>
    /// <param name="grid">Cells along a side that are wanted.</param>
    /// <param name="run">Who listens.</param>
    /// <returns>float32 <c>[B, grid * grid, channels]</c>, row by row, in the caller's dispose scope.</returns>
    public Tensor EncodeAll(IReadOnlyList<VisionInput> inputs, int grid, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        IReadOnlyList<VisionFeatures> features = _encoder.Encode(inputs, VisionRequest.Plain, run.Cancellation);
        Tensor[] pooled = [.. features.Select(picture => Pool(picture, grid))];
        run.Count("tower", 2 * features.Sum(picture => picture.Macs));
        foreach (VisionFeatures picture in features)
        {
            picture.Dispose();
        }

        return stack(pooled).MoveToOuterDisposeScope();
    }

    /// <summary>Encodes a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="grid">Cells along a side that are wanted.</param>
    /// <param name="run">Who listens.</param>
    /// <returns><c>[grid * grid, channels]</c>, row by row.</returns>
    public FeatureRows Encode(Picture picture, int grid, TaskRun run)
    {
        using VisionInput input = Prepare(picture.Rgb.Span, picture.Width, picture.Height);
        using Tensor pooled = EncodeAll([input], grid, run);
        using Tensor host = pooled.cpu();
        return new FeatureRows(host.data<float>().ToArray(), grid * grid, Channels);
    }

    /// <summary>Encodes a picture's file.</summary>
    /// <inheritdoc cref="Encode"/>
    public FeatureRows EncodeFile(string path, int grid) => Encode(Image.Load(path).ConvertToRgb().ToPicture(), grid, TaskRun.Plain);

    public void Dispose() => Close(_owned);

    private static Tensor Pool(VisionFeatures features, int grid)
    {
        VisualGrid own = features.Segments[0].Grid;
        Tensor map = features.Tokens.to(ScalarType.Float32).view(1, own.Rows, own.Columns, -1).permute(0, 3, 1, 2); // [N, C] -> [1, C, H, W]
        return nn.functional.adaptive_avg_pool2d(map, [grid, grid]).flatten(2).squeeze(0).t().contiguous(); // [1, C, g, g] -> [g g, C]
    }

    private static void Close(List<IDisposable> owned)
    {
        for (int part = owned.Count - 1; part >= 0; part--)
        {
            owned[part].Dispose();
        }
    }
}
