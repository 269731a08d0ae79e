using System.Text.Json;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Sequences;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Plugins;

/// <summary>Runs two methods together on a small decoder: a prompt with an image of 144 places, and a token after it.</summary>
/// <param name="plugins">Where methods come from; borrowed.</param>
internal sealed class MethodPairs(PluginHost plugins) : IDisposable
{
    private const int Layers = 8, Side = 12, Text = 6;

    private readonly SmallDecoder _small = new(SmallDecoder.ConfigOf(layers: Layers));
    private readonly SequenceLayout[] _prompt =
    [
        SequenceLayout.Create(
        [
            new Sequences.Span(SpanKind.System, 2),
            new Sequences.Span(SpanKind.Image, Side * Side) { Image = 0, Grid = new VisualGrid(Side, Side) },
            new Sequences.Span(SpanKind.Text, Text),
        ]),
    ];

    /// <summary>Makes both methods, builds their hooks and runs them.</summary>
    /// <returns>The line in which one of them, or both together, were refused before anything ran; null if they ran.</returns>
    public string? Run(string first, string second)
    {
        List<LeasedMethod> methods = [];
        try
        {
            HookTable table;
            try
            {
                methods.Add(Make(first));
                methods.Add(Make(second));
                table = _small.Table([.. methods.Select(method => method.Method)]);
            }
            catch (ApertureException refusal)
            {
                return refusal.Message;
            }

            Run(table, $"{first} + {second}");
            return null;
        }
        finally
        {
            methods.ForEach(method => method.Dispose());
        }
    }

    public void Dispose() => _small.Dispose();

    private void Run(HookTable table, string label)
    {
        using DisposeScope scope = NewDisposeScope();
        using RequestContext request = _small.Begin(_prompt, table);
        Tensor prefill = _small.Forward(request, DecoderPhase.Prefill, _prompt, SmallDecoder.Ids(_prompt[0].Count)); // [rows left, V]
        Tensor next = _small.Continue(request, DecoderPhase.Decode, [[7]]); // [1, V]
        Assert.True(prefill.isfinite().all().item<bool>() && next.isfinite().all().item<bool>(), $"{label}: logits are not finite");
        Assert.Equal([1, SmallDecoder.Vocabulary], next.shape);
    }

    // With the settings and weights that it is timed with, which suit every decoder; else at a budget, as baselines are; else with its default options.
    private LeasedMethod Make(string name)
    {
        DecoderInfo decoder = _small.Decoder.Info with { VisualTokens = Side * Side };
        using PluginLease plugin = plugins.LeaseFor(name);
        IMethodFactory factory = plugin.Method(name);
        MethodBenchmark? benchmark = (factory as IBenchmarkedMethod)?.Benchmark(decoder);
        using IWeightSource? weights = benchmark?.DrawWeights?.Invoke();
        JsonElement options = benchmark?.Options ?? (factory.BaselineOption is { } tokens ? JsonElement.Parse($$"""{ "{{tokens}}": {{Side}} }""") : default);
        return plugins.Create(name, options, decoder, new FactoryFiles(checkpoint: weights));
    }
}
