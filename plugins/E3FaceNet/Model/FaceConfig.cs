using System.Globalization;
using System.Text.Json;
using Aperture.Weights;

namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>Sizes of a generator, as the shapes of its tensors tell them, and its settings.</summary>
internal sealed record FaceConfig
{
    /// <summary>Entry of a safetensors header with the settings of a model that is not the published one.</summary>
    public const string SettingsKey = "e3_facenet";

    private const string Synthesis = "synthesis.", Mark = Synthesis + "fg_nerf.fc_in.weight", Background = Synthesis + "bg_nerf.fc_in.weight";
    private const int PointSize = 3, SpherePointSize = 4;

    /// <summary>Width of the noise.</summary>
    public required int Noise { get; init; }

    /// <summary>Width of a sentence's pooled row; 0 for a generator without text.</summary>
    public required int Text { get; init; }

    /// <summary>Width of a token's row; 0 for a generator without text.</summary>
    public required int Token { get; init; }

    /// <summary>Width of a style.</summary>
    public required int Style { get; init; }

    /// <summary>Layers of the mapping network.</summary>
    public required int MappingLayers { get; init; }

    /// <summary>Octaves of the position encoding.</summary>
    public required int Octaves { get; init; }

    /// <summary>Width of the foreground's network.</summary>
    public required int FaceWidth { get; init; }

    /// <summary>Its layers before the outputs.</summary>
    public required int FaceLayers { get; init; }

    /// <summary>Width of the background's network; 0 for none.</summary>
    public required int BackgroundWidth { get; init; }

    /// <summary>Its layers before the outputs.</summary>
    public required int BackgroundLayers { get; init; }

    /// <summary>Width of the background's noise.</summary>
    public required int BackgroundNoise { get; init; }

    /// <summary>Channels of the feature map that rays give, colours not among them.</summary>
    public required int Features { get; init; }

    /// <summary>Side of that map: rays of a row and rows.</summary>
    public required int Volume { get; init; }

    /// <summary>Side of the picture behind each block.</summary>
    public required IReadOnlyList<int> Resolutions { get; init; }

    /// <summary>Channels behind each block.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>Inner width of the enhancer's attention; 0 without text.</summary>
    public required int AttentionWidth { get; init; }

    /// <summary>Everything else.</summary>
    public FaceSettings Settings { get; init; } = new();

    /// <summary>Side of the picture.</summary>
    public int Picture => Resolutions.Count == 0 ? Volume : Resolutions[^1];

    /// <summary>Styles of the foreground: its layers, density and features.</summary>
    public int FaceStyles => FaceLayers + 2;

    /// <summary>Styles of a face: those of the foreground, two of each block, and the last block's colours.</summary>
    public int Styles => FaceStyles + (2 * Resolutions.Count) + (Resolutions.Count > 0 ? 1 : 0);

    /// <summary>Whether a checkpoint, already without a prefix, is a generator of this kind.</summary>
    public static bool IsOne(IWeightSource source) => source.Contains(Mark) && source.Contains("mapping.fc0.weight");

    /// <summary>Reads the sizes.</summary>
    /// <param name="source">The generator's tensors.</param>
    /// <param name="settings">What shapes do not tell.</param>
    /// <exception cref="ApertureException">A tensor is missing, or shapes contradict each other.</exception>
    public static FaceConfig Read(IWeightSource source, FaceSettings? settings = null)
    {
        long[] Shape(string name) => source.Describe(name).Shape;
        int[] resolutions = [.. Blocks(source)];
        bool text = source.Contains("mapping.embed.weight"), background = source.Contains(Background);
        int mapping = Count(source, index => $"mapping.fc{index}.weight"), octaves = (int)(Shape(Mark)[1] / (2 * PointSize));
        FaceConfig config = new()
        {
            Noise = (int)Shape("mapping.fc0.weight")[1],
            Text = text ? (int)Shape("mapping.embed.weight")[1] : 0,
            Token = text && resolutions.Length > 0 ? (int)Shape($"{Synthesis}b{resolutions[0]}_attn.attn.to_k.weight")[1] : 0,
            AttentionWidth = text && resolutions.Length > 0 ? (int)Shape($"{Synthesis}b{resolutions[0]}_attn.attn.to_q.weight")[0] : 0,
            Style = (int)Shape($"mapping.fc{mapping - 1}.weight")[0],
            MappingLayers = mapping,
            Octaves = octaves,
            FaceWidth = (int)Shape(Mark)[0],
            FaceLayers = 1 + Count(source, index => $"{Synthesis}fg_nerf.blocks.{index}.weight"),
            BackgroundWidth = background ? (int)Shape(Background)[0] : 0,
            BackgroundLayers = background ? 1 + Count(source, index => $"{Synthesis}bg_nerf.blocks.{index}.weight") : 0,
            BackgroundNoise = background ? (int)Shape(Background)[1] - (2 * SpherePointSize * octaves) : 0,
            Features = (int)Shape(Synthesis + "fg_nerf.feat_out.weight")[0],
            Volume = Side(source, resolutions, text),
            Resolutions = resolutions,
            Channels = [.. resolutions.Select(side => (int)Shape($"{Synthesis}b{side}.conv0.weight")[0])],
            Settings = settings ?? FromHeader(source),
        };
        config.Check(source);
        return config;
    }

    private static FaceSettings FromHeader(IWeightSource source)
    {
        if (source is not SafetensorsFile file || !file.Metadata.TryGetValue(SettingsKey, out string? json))
        {
            return new FaceSettings();
        }

        try
        {
            return JsonSerializer.Deserialize(json, FaceJson.Default.FaceSettings) ?? new FaceSettings();
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{file.Path}: the header's {SettingsKey} is no settings of a face generator ({error.Message.ReplaceLineEndings(" ").TrimEnd('.')}); save it "
                + "again.", error);
        }
    }

    private static IEnumerable<int> Blocks(IWeightSource source)
        => from name in source.Names
           where name.StartsWith(Synthesis + "b", StringComparison.Ordinal) && name.EndsWith(".conv0.weight", StringComparison.Ordinal)
           let part = name[(Synthesis.Length + 1)..^".conv0.weight".Length]
           where int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _)
           orderby int.Parse(part, CultureInfo.InvariantCulture)
           select int.Parse(part, CultureInfo.InvariantCulture);

    private static int Count(IWeightSource source, Func<int, string> name)
        => Enumerable.Range(0, int.MaxValue).TakeWhile(index => source.Contains(name(index))).Count();

    // The first norm spans the map that rays give; without one the first block doubles it.
    private static int Side(IWeightSource source, int[] resolutions, bool text)
        => resolutions.Length == 0
            ? throw new ApertureException("The checkpoint has no upsampling blocks (synthesis.b64.conv0.weight and the like); give a complete generator.")
            : text ? (int)source.Describe($"{Synthesis}b{resolutions[0]}_attn.norm1.weight").Shape[^1] : resolutions[0] / 2;

    private void Check(IWeightSource source)
    {
        static void Require(bool holds, string message)
        {
            if (!holds)
            {
                throw new ApertureException($"{FaceFactory.GeneratorName}: {message}");
            }
        }

        for (int block = 0; block < Resolutions.Count; block++)
        {
            int before = block == 0 ? Volume : Resolutions[block - 1];
            Require(
                Resolutions[block] == 2 * before,
                $"block b{Resolutions[block]} follows a map of {before} pixels, but every block doubles the side; the checkpoint is of another architecture.");
            string adapter = $"{Synthesis}b{Resolutions[block]}.conv0.adapter.0.weight";
            Require(
                source.Contains(adapter) && source.Describe(adapter).Shape[1] == Channels[block],
                $"block b{Resolutions[block]} does not enlarge by pixel shuffle ({adapter} is missing or of another width); only that kind of StyleNeRF is "
                + "read.");
        }

        Require(
            AttentionWidth % Settings.Heads == 0, $"the enhancer's attention is {AttentionWidth} wide, which {Settings.Heads} heads do not share evenly.");
        Require(BackgroundNoise >= 0, "the background's first layer is narrower than the encoding of its points; the checkpoint is damaged.");
        Require(Settings.RaySamples >= 2 && Settings.BackgroundSamples >= 2, "rays need at least 2 samples in the face and 2 behind it.");
    }
}
