using Aperture.Benchmarks;
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
/// <param name="shape">The shape that they act on.</param>
internal sealed class ShapeMethods(ModelShape shape) : IMethodFiles, IDisposable
{
    private const int AdapterHidden = 128, PropagationHidden = 256;
    private const string Recipe = "official:llava-v1.5-7b/60";
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-shape").FullName;
    private readonly DecoderInfo _decoder = shape.Info;

    public string? ModelFolder => null;

    /// <summary>The rows that run methods, in the order they are measured.</summary>
    public IReadOnlyList<ShapeRow> Rows
    {
        get
        {
            if (shape.Vision is not null)
            {
                return [new(ShapeRows.FitPrune, "fitprune 60 %", [Use(ShapeRows.FitPrune, new { Recipe })])];
            }

            MethodUse fitprune = Use(ShapeRows.FitPrune, new { Recipe, ScaleToLayers = true });
            MethodUse dyvte = Use(ShapeRows.DyVte, new { FixedExitLayer = (_decoder.Layers / 2) - 1 });
            MethodUse routed = Use(ShapeRows.GammaMod, new { Weights = Routers, Layers = "arank_mod", TopKRatio = 0.5 });
            MethodUse skipped = Use(ShapeRows.Eas, new { Adapters, SkipLayers = Skipped });
            return
            [
                new(ShapeRows.FitPrune, "fitprune 60 %", [fitprune]),
                new(ShapeRows.DyVte, "dyvte, exit half-way", [dyvte]),
                new(ShapeRows.GammaMod, "gamma-mod, half the tokens", [routed]),
                new(ShapeRows.Eas, "eas, 3/8 of the attention", [skipped]),
                new(ShapeRows.Mixture, "fitprune + dyvte + gamma-mod + eas", [fitprune, dyvte, routed, skipped]),
            ];
        }
    }

    // Every other layer, counted back from the last but one: behind each of them a layer attends, where a step that falls on it is taken.
    private int[] Skipped => [.. Enumerable.Range(1, 3 * _decoder.Layers / 8).Select(i => _decoder.Layers - (2 * i)).Reverse()];

    private string Routers => Path.Combine(_folder, "routers.safetensors");

    private string Adapters => Path.Combine(_folder, "adapters.safetensors");

    /// <summary>Makes every row's methods and compiles their hooks, for the exceptions alone.</summary>
    /// <param name="plugins">Where methods come from.</param>
    /// <param name="rows">Rows of <see cref="Rows"/>.</param>
    /// <exception cref="ApertureException">A method does not fit the shape, or the methods of a row cannot work together.</exception>
    public void Check(PluginHost plugins, IEnumerable<ShapeRow> rows)
    {
        foreach (ShapeRow row in rows)
        {
            With(plugins, row, table => table);
        }
    }

    /// <summary>Makes a row's methods and compiles their hooks for some work, after which the methods are disposed.</summary>
    /// <typeparam name="T">What the work gives.</typeparam>
    /// <param name="plugins">Where methods come from.</param>
    /// <param name="row">A row of <see cref="Rows"/>.</param>
    /// <param name="work">Gets the hooks.</param>
    /// <exception cref="ApertureException">A method does not fit the shape, or the methods of the row cannot work together.</exception>
    public T With<T>(PluginHost plugins, ShapeRow row, Func<HookTable, T> work)
    {
        List<LeasedMethod> leased = [];
        try
        {
            foreach (MethodUse use in row.Methods)
            {
                leased.Add(plugins.Create(use.Name, use.Options, _decoder, this));
            }

            return work(HookTableBuilder.Build(_decoder, [.. leased.Select(lease => lease.Method)]));
        }
        finally
        {
            leased.ForEach(lease => lease.Dispose());
        }
    }

    // Routers and adapters are written when a method first asks for them: a row without them costs no file.
    public string Resolve(string path)
    {
        if (path == Routers && !File.Exists(path))
        {
            WriteRouters();
        }
        else if (path == Adapters && !File.Exists(path))
        {
            WriteAdapters();
        }

        return File.Exists(path) ? path : throw new ApertureException($"There is no file '{path}'; a benchmark of random weights has no folder.");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static MethodUse Use(string method, object options) => new(method, OptionsJson.From(options));

    private static Tensor Noise(Generator generator, params long[] shape) => randn(shape, generator: generator).mul(0.02);

    private void WriteRouters()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1, CPU);
        Tensor router = Noise(generator, 2, _decoder.HiddenSize);
        SafetensorsWriter.Save(Routers, Enumerable.Range(0, _decoder.Layers).ToDictionary(layer => $"model.layers.{layer}.router.weight", _ => router));
    }

    private void WriteAdapters()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(1, CPU);
        int d = _decoder.HiddenSize;
        Dictionary<string, Tensor> adapters = [];
        for (int layer = 0; layer < _decoder.Layers; layer++)
        {
            bool skipped = Skipped.Contains(layer);
            string prefix = $"model.layers.{layer}.{(skipped ? "replaced_adapter" : "adapter_attn")}.";
            int hidden = skipped ? PropagationHidden : AdapterHidden;
            foreach (string name in skipped ? ["conv_A", "conv_C"] : new[] { "conv_A" })
            {
                adapters[$"{prefix}{name}.weight"] = Noise(generator, hidden, d, 1);
                adapters[$"{prefix}{name}.bias"] = Noise(generator, hidden);
            }

            foreach (string name in new[] { "conv_B", "conv_D" })
            {
                adapters[$"{prefix}{name}.weight"] = Noise(generator, d, hidden / 2, 1);
                adapters[$"{prefix}{name}.bias"] = Noise(generator, d);
            }

            adapters[$"{prefix}expert_weights.weight"] = Noise(generator, 2, d);
        }

        SafetensorsWriter.Save(Adapters, adapters);
    }
}
