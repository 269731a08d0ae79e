using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>SAMs and DITs of cases. What sizes the weights tell is held against what the case says.</summary>
internal static class RecordedSam
{
    public static WeightPolicy Policy { get; } = new(CPU, ScalarType.Float32, ScalarType.Float32);

    public static SamModel Sam(GoldenCase golden)
    {
        SamConfig config = WithNorm(golden, SamConfig.Read(golden.Weights(), golden.Config.GetProperty("decoder_heads").GetInt32()));
        Check(golden.Config, config);
        return new SamModel(golden.Weights(), config, everywhere: false, Policy);
    }

    public static DitModel Dit(GoldenCase golden, bool runsSentence = false)
    {
        IWeightSource source = DitKeys.UnderSamNames(golden.Weights());
        DitConfig config = Config(golden, source);
        return new DitModel(source, config, Policy) { RunsSentence = runsSentence };
    }

    // Files of a case may hold more layers than its net has, which the net then does not load.
    public static DitConfig Config(GoldenCase golden, IWeightSource source)
    {
        DitOptions options = Options(golden);
        JsonElement sizes = golden.Config;
        int depth = sizes.GetProperty("depth").GetInt32();
        DitConfig config = DitConfig.Read(Trimmed(source, options.Variant!.Value, depth), options);
        config = config with { Sam = WithNorm(golden, config.Sam) };
        Check(sizes, config.Sam);
        Assert.Equal(sizes.GetProperty("bert").GetProperty("hidden_size").GetInt32(), config.Text.HiddenSize);
        Assert.Equal(sizes.GetProperty("bert").GetProperty("vocab_size").GetInt32(), config.Text.Vocabulary);
        Assert.Equal(sizes.GetProperty("bert").GetProperty("intermediate").GetInt32(), config.Text.IntermediateSize);
        Assert.Equal(sizes.GetProperty("bert").GetProperty("max_positions").GetInt32(), config.Text.Positions);
        return config;
    }

    public static DitOptions Options(GoldenCase golden) => new()
    {
        Variant = Variant(golden.Config.GetProperty("variant").GetString()!),
        DecoderHeads = golden.Config.GetProperty("decoder_heads").GetInt32(),
        TextHeads = golden.Config.GetProperty("bert").GetProperty("heads").GetInt32(),
        EditMode = golden.Config.TryGetProperty("edit_mode", out JsonElement mode) && mode.GetString() == "paper" ? EndToEndMode.Paper : EndToEndMode.Code,
    };

    // No weight tells what is added to a variance; all published models have the same.
    private static SamConfig WithNorm(GoldenCase golden, SamConfig config)
        => config with { Vision = config.Vision with { NormEpsilon = golden.Config.GetProperty("encoder_ln_eps").GetDouble() } };

    /// <summary>What of a file belongs to a net: other nets' tensors and further blocks are left out.</summary>
    public static IWeightSource Trimmed(IWeightSource source, DitVariant variant, int depth)
        => source.Where(name => !IsOf(name, DitKeys.Projections + ".") || variant switch
        {
            DitVariant.LayerWise or DitVariant.EndToEnd => char.IsDigit(name[DitKeys.Projections.Length + 1]),
            DitVariant.EndToEndToken => !char.IsDigit(name[DitKeys.Projections.Length + 1]),
            _ => false,
        }).Where(name => !IsOf(name, SamKeys.Encoder + "blocks.") || int.Parse(name.Split('.')[2]) < depth);

    private static bool IsOf(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);

    private static DitVariant Variant(string name) => name.Replace("_", "", StringComparison.Ordinal) switch
    {
        "layerwise" or "layerwisevith" => DitVariant.LayerWise,
        "e2e" => DitVariant.EndToEnd,
        "tokenlayerwise" => DitVariant.TokenLayerWise,
        "e2etoken" => DitVariant.EndToEndToken,
        "defaultsam" or "defaultsamadd2" or "defaultsamadd4" => DitVariant.Default,
        _ => throw new Xunit.Sdk.XunitException($"The case is of the net '{name}', which no variant stands for."),
    };

    private static void Check(JsonElement sizes, SamConfig config)
    {
        int Int(string key) => sizes.GetProperty(key).GetInt32();
        Assert.Equal(Int("embed_dim"), config.Vision.HiddenSize);
        Assert.Equal((int)(Int("embed_dim") * sizes.GetProperty("mlp_ratio").GetDouble()), config.Vision.IntermediateSize);
        Assert.Equal(Int("depth"), config.Vision.Layers);
        Assert.Equal(Int("num_heads"), config.Vision.Heads);
        Assert.Equal(Int("img_size"), config.Vision.ImageSize);
        Assert.Equal(Int("patch_size"), config.Vision.PatchSize);
        int[] everywhere = [.. sizes.GetProperty("global_attn_indexes").EnumerateArray().Select(block => block.GetInt32())];
        int window = Int("window_size") == config.Vision.Grid ? 0 : Int("window_size"); // a window as large as the grid is the grid
        Assert.All(Enumerable.Range(0, Int("depth")), block => Assert.Equal(everywhere.Contains(block) ? 0 : window, config.Vision.WindowOf(block)));
        Assert.Equal(Int("prompt_dim"), config.PromptWidth);
        Assert.Equal(Int("mask_in_chans"), config.MaskChannels);
        Assert.Equal(Int("decoder_depth"), config.DecoderLayers);
    }
}
