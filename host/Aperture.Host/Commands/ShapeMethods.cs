using System.Text.Json;
using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Plugins;
using Aperture.Plugins.Hosting;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary>
/// The in-decoder methods as a benchmark of random weights runs them: settings that fix how much work is left, and routers and adapters drawn at random under their published names,
/// because what they decide does not matter for how long the work takes.
/// </summary>
internal sealed class ShapeMethods : IMethodFiles, IDisposable
{
    private const int AdapterHidden = 128, PropagationHidden = 256;
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-shape").FullName;
    private readonly DecoderInfo _decoder;

    public ShapeMethods(DecoderInfo decoder)
    {
        _decoder = decoder;
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1, CPU);
        Tensor Noise(params long[] shape) => randn(shape, generator: generator).mul(0.02);
        int d = decoder.HiddenSize;
        Tensor router = Noise(2, d);
        SafetensorsWriter.Save(Routers, Enumerable.Range(0, decoder.Layers).ToDictionary(layer => $"model.layers.{layer}.router.weight", _ => router));
        Dictionary<string, Tensor> adapters = [];
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            bool skipped = Skipped.Contains(layer);
            string prefix = $"model.layers.{layer}.{(skipped ? "replaced_adapter" : "adapter_attn")}.";
            int hidden = skipped ? PropagationHidden : AdapterHidden;
            foreach (string name in skipped ? ["conv_A", "conv_C"] : new[] { "conv_A" })
            {
                adapters[$"{prefix}{name}.weight"] = Noise(hidden, d, 1);
                adapters[$"{prefix}{name}.bias"] = Noise(hidden);
            }

            foreach (string name in new[] { "conv_B", "conv_D" })
            {
                adapters[$"{prefix}{name}.weight"] = Noise(d, hidden / 2, 1);
                adapters[$"{prefix}{name}.bias"] = Noise(d);
            }

            adapters[$"{prefix}expert_weights.weight"] = Noise(2, d);
        }

        SafetensorsWriter.Save(Adapters, adapters);
    }

    public string? ModelFolder => null;

    /// <summary>Pipelines to measure: label and methods with options.</summary>
    public IReadOnlyList<(string Label, (string Name, object Options)[] Methods)> Pipelines
    {
        get
        {
            (string, object) fitprune = ("fitprune", new { Recipe = "official:llava-v1.5-7b/60", ScaleToLayers = true });
            (string, object) dyvte = ("dyvte", new { FixedExitLayer = (_decoder.Layers / 2) - 1 });
            (string, object) routed = ("gamma-mod", new { Weights = Routers, Layers = "arank_mod", TopKRatio = 0.5 });
            (string, object) skipped = ("eas", new { Adapters, SkipLayers = Skipped });
            return
            [
                ("fitprune 60 %", [fitprune]),
                ("dyvte, exit half-way", [dyvte]),
                ("gamma-mod, half the tokens", [routed]),
                ("eas, 3/8 of the attention", [skipped]),
                ("fitprune + dyvte + gamma-mod + eas", [fitprune, dyvte, routed, skipped]),
            ];
        }
    }

    private int[] Skipped => [.. Enumerable.Range(0, _decoder.Layers).Skip(_decoder.Layers - (3 * _decoder.Layers / 8))];

    private string Routers => Path.Combine(_folder, "routers.safetensors");

    private string Adapters => Path.Combine(_folder, "adapters.safetensors");

    /// <summary>Makes a pipeline's methods; the caller disposes them.</summary>
    public IReadOnlyList<LeasedMethod> Create(PluginHost plugins, (string Name, object Options)[] methods)
        => [.. methods.Select(method => plugins.Create(method.Name, OptionsJson.From(method.Options), _decoder, this))];

    public string Resolve(string path)
        => File.Exists(path) ? path : throw new ApertureException($"There is no file '{path}'; a benchmark of random weights has no folder.");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
