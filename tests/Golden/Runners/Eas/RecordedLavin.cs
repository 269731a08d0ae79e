using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Plugins.Eas;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Plugins.FitPrune;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>A case's LaVIN, opened as published files are, with the method that is part of it made from options.</summary>
internal sealed class RecordedLavin : IDisposable
{
    private const int Pad = -1;
    private readonly FactoryFiles _files;

    public RecordedLavin(GoldenCase golden)
    {
        Config = golden.Config;
        IWeightSource all = golden.Weights();
        bool IsAdapter(string name) => name.Contains("adapter", StringComparison.Ordinal);
        MetaLlamaWeights llama = new(
            [all.Where(name => !IsAdapter(name) && !name.StartsWith("backbone.", StringComparison.Ordinal))], Config, golden.Name, ownsRanks: false);
        JsonElement vision = Config.GetProperty("vis");
        OpenAiClipWeights clip = new(all, "backbone.visual.");
        VisionTransformerConfig tower = clip.ReadConfig(vision.GetProperty("heads").GetInt32()) with
        {
            Activation = vision.GetProperty("act").GetString()!,
            NormEpsilon = vision.GetProperty("ln_eps").GetDouble(),
        };
        IWeightSource adapters = all.Where(IsAdapter);
        ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1);
        Model = Model.Assemble("lavin", LavinFamily.Parts(new LavinWeights(llama, llama.Config, clip, tower, adapters), opening), opening);
        _files = new FactoryFiles(checkpoint: adapters);
        Assert.Equal(Config.GetProperty("n_feats").GetInt32(), Encoder.Taps);
    }

    public Model Model { get; }

    /// <summary>Its vision encoder.</summary>
    public LavinEncoder Encoder => (LavinEncoder)Model.Encoder;

    public JsonElement Config { get; }

    /// <summary>The method with the case's options, some of them replaced.</summary>
    public ILayerRouter Method(params (string Name, object Value)[] replaced)
    {
        Dictionary<string, object> options = new(StringComparer.OrdinalIgnoreCase)
        {
            ["Scale"] = Config.GetProperty("s").GetDouble(),
            ["Temperature"] = Config.GetProperty("t").GetDouble(),
        };
        (string Key, string Option)[] renamed =
        [
            ("skipList", "SkipLayers"), ("routerQuery", "RouterQuery"), ("clipRouterMode", "ClipRouterMode"), ("decodePool", "DecodePool"),
        ];
        foreach ((string key, string option) in renamed)
        {
            if (Config.TryGetProperty(key, out JsonElement value))
            {
                options[option] = value;
            }
        }

        foreach ((string name, object value) in replaced)
        {
            options[name] = value;
        }

        return (ILayerRouter)new EasFactory().Create(Aperture.Models.OptionsJson.From(options), Model.Decoder.Info, _files);
    }

    /// <summary>Prompts as the model takes them: where there is a picture, the first run of zeros behind the prefix becomes its place.</summary>
    public int[][] Prompts(GoldenCase golden)
    {
        long[] indicators = golden.Get("in.indicators").data<long>().ToArray();
        int prefix = golden.Has("in.prefix_image_ids") ? (int)golden.Get("in.prefix_image_ids").size(0) : 1;
        return [.. Rows(golden.Get("in.prompt_ids")).Select((ids, i) => indicators[i] == 1 ? WithPlace(ids, prefix) : ids)];
    }

    /// <summary>Features of a batch of pixel values, through the method's adapters; the caller disposes them.</summary>
    public IReadOnlyList<VisionFeatures> Encode(Tensor pixels, HookTable table)
        => Encoder.EncodePixels(pixels, new VisionRequest { Hooks = table.Vision }, CancellationToken.None);

    /// <summary>The rows of a table of ids, without padding.</summary>
    public static int[][] Rows(Tensor ids)
        => [.. Enumerable.Range(0, (int)ids.size(0)).Select(row => ids[row].data<long>().ToArray().Where(id => id != Pad).Select(id => (int)id).ToArray())];

    public void Dispose() => Model.Dispose();

    private int[] WithPlace(int[] ids, int from)
    {
        int place = Enumerable.Range(from, ids.Length).First(i => ids.AsSpan(i, Encoder.Taps).IndexOfAnyExcept(0) < 0);
        return [.. ids[..place], LavinPacker.Placeholder, .. ids[(place + Encoder.Taps)..]];
    }
}
