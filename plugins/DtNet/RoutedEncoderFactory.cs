using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet;

/// <summary>Opens DTNet's encoder for families that ask for it by name.</summary>
internal sealed class RoutedEncoderFactory : IVisionEncoderFactory
{
    public const string EncoderName = "dtnet-grid";

    public string Name => EncoderName;

    public string Summary => "DTNet's routed encoder over the grid of a CLIP tower: 49 rows a picture.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(DtNetJson.Default.RoutedEncoderOptions);

    // Families name it; a captioner's checkpoint is no family's.
    public bool Recognises(EncoderCheckpoint checkpoint) => false;

    public VisionEncoderParts Open(EncoderCheckpoint checkpoint, ModelOpening opening, JsonElement options)
    {
        RoutedEncoderOptions bound = MethodOptions.Bind(EncoderName, options, DtNetJson.Default.RoutedEncoderOptions);
        List<IDisposable> owned = [];
        try
        {
            IWeightSource source = DtNetFactory.OpenWeights(Beside(bound.Checkpoint, nameof(bound.Checkpoint), checkpoint.Folder));
            owned.Add(source);
            WeightPolicy policy = WeightPolicy.InFormat(EncoderName, opening.Ops.Weights, opening.Device, ScalarType.Float32, owned);
            CaptionModel model = CaptionModel.Load(source, CaptionConfig.Read(source), policy);
            owned.Add(model);
            PictureTower tower = PictureTower.Open(Beside(bound.Tower, nameof(bound.Tower), checkpoint.Folder), opening.Device, policy);
            owned.Add(tower);
            if (tower.Channels != model.Config.Features)
            {
                throw new ApertureException(
                    $"{EncoderName}: the tower gives {tower.Channels} channels, but the checkpoint takes features of {model.Config.Features}.");
            }

            return new VisionEncoderParts
            {
                Encoder = opening.Keep(new RoutedVisionEncoder(model, tower, owned)),
                IsClaimed = _ => false,
                VisualTokens = model.Config.Cells,
            };
        }
        catch
        {
            owned.AsEnumerable().Reverse().ToList().ForEach(part => part.Dispose());
            throw;
        }
    }

    private static string Beside(string? path, string option, string folder)
        => path is null
            ? throw new ApertureException(
                $"{EncoderName}: {option} is missing; give the path of DTNet's checkpoint as Checkpoint and of a CLIP tower as Tower.")
            : Array.Find([path, Path.Combine(folder, path)], Path.Exists)
                ?? throw new ApertureException($"{EncoderName}: there is no '{path}'; check {option}.");
}

/// <summary>What a user may set when asking for the encoder.</summary>
internal sealed record RoutedEncoderOptions : IMethodOptions
{
    /// <summary>DTNet's checkpoint.</summary>
    public string? Checkpoint { get; set; }

    /// <summary>Folder of the CLIP tower whose grid it was trained on.</summary>
    public string? Tower { get; set; }
}
