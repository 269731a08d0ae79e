using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Weights;

namespace Aperture.Host.Commands;

/// <summary>
/// The methods that can be timed on random weights, as their plugins say it: with settings that fix how much work is left, and with weights of their own
/// drawn at random, because what they decide does not matter for how long the work takes.
/// </summary>
internal sealed class ShapeMethods
{
    private readonly DecoderInfo _decoder;
    private readonly PluginHost _plugins;

    /// <summary>Asks every plugin's methods for their settings.</summary>
    /// <param name="shape">The shape that they act on.</param>
    /// <param name="plugins">Where methods come from; borrowed.</param>
    /// <param name="notices">Told of plugins that do not load.</param>
    public ShapeMethods(ModelShape shape, PluginHost plugins, TextWriter notices)
    {
        _decoder = shape.Info;
        _plugins = plugins;
        IReadOnlyList<PluginMethod> methods = plugins.LoadAll(out IReadOnlyList<PluginFailure> failures);
        foreach (PluginFailure failure in failures)
        {
            notices.WriteLine(failure.Message);
        }

        List<ShapeRow> rows = [];
        foreach (PluginMethod method in methods)
        {
            // A checkpoint of a whole model holds no method's weights.
            using PluginLease lease = plugins.LeaseFor(method.Name);
            if (Benchmark(lease, method.Name) is { } benchmark && (shape.Vision is null || benchmark.DrawWeights is null))
            {
                rows.Add(new ShapeRow(method.Name, benchmark.Label, [new MethodUse(method.Name, benchmark.Options)]));
            }
        }

        if (shape.Vision is null && rows.Count > 1)
        {
            rows.Add(new ShapeRow(ShapeRows.Mixture, string.Join(" + ", rows.Select(row => row.Name)), [.. rows.SelectMany(row => row.Methods)]));
        }

        Rows = rows;
    }

    /// <summary>The rows that run methods, in the catalog's order, and for a decoder alone the row of all of them.</summary>
    public IReadOnlyList<ShapeRow> Rows { get; }

    /// <summary>Makes every row's methods and compiles their hooks, for the exceptions alone.</summary>
    /// <param name="rows">Rows of <see cref="Rows"/>.</param>
    /// <exception cref="ApertureException">A method does not fit the shape, or the methods of a row cannot work together.</exception>
    public void Check(IEnumerable<ShapeRow> rows)
    {
        foreach (ShapeRow row in rows)
        {
            With(row, table => table);
        }
    }

    /// <summary>Makes a row's methods and compiles their hooks for some work, after which the methods are disposed.</summary>
    /// <typeparam name="T">What the work gives.</typeparam>
    /// <param name="row">A row of <see cref="Rows"/>.</param>
    /// <param name="work">Gets the hooks.</param>
    /// <exception cref="ApertureException">A method does not fit the shape, or the methods of the row cannot work together.</exception>
    public T With<T>(ShapeRow row, Func<HookTable, T> work)
    {
        List<LeasedMethod> leased = [];
        try
        {
            foreach (MethodUse use in row.Methods)
            {
                leased.Add(Create(use));
            }

            return work(HookTableBuilder.Build(_decoder, [.. leased.Select(lease => lease.Method)]));
        }
        finally
        {
            leased.ForEach(lease => lease.Dispose());
        }
    }

    private LeasedMethod Create(MethodUse use)
    {
        using PluginLease lease = _plugins.LeaseFor(use.Name);
        using IWeightSource? weights = Benchmark(lease, use.Name)?.DrawWeights?.Invoke();
        return _plugins.Create(use.Name, use.Options, _decoder, new DrawnFiles(weights));
    }

    private MethodBenchmark? Benchmark(PluginLease lease, string method) => (lease.Method(method) as IBenchmarkedMethod)?.Benchmark(_decoder);

    private sealed class DrawnFiles(IWeightSource? weights) : IMethodFiles
    {
        public string? ModelFolder => null;

        public IWeightSource? Checkpoint => weights;

        public string Resolve(string path)
            => File.Exists(path) ? path : throw new ApertureException($"There is no file '{path}'; a benchmark of random weights has no folder.");
    }
}
