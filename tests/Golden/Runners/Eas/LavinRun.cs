using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>Greedy answers of a recorded LaVIN, and their comparison.</summary>
internal static class LavinRun
{
    private const int Pad = -1;

    /// <summary>Answers the case's prompts about its pictures as the official batches do.</summary>
    public static IReadOnlyList<GeneratedSequence> Greedy(GoldenCase golden, RecordedLavin recorded, ILayerRouter method, IDecoderTrace? trace)
    {
        using IDisposable mode = inference_mode();
        HookTable table = HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]);
        long[] indicators = golden.Get("in.indicators").data<long>().ToArray();
        IReadOnlyList<VisionFeatures> features = recorded.Encode(golden.Get("in.images"), table);
        VisualTokens?[] images = [.. features.Select((own, i) => indicators[i] == 1 ? recorded.Model.Projector.Project(own) : null)];
        LavinGenerator generator = new(recorded.Model, table) { MaxLength = recorded.Config.GetProperty("max_seq_len").GetInt32(), Trace = trace };
        return generator.Generate(
            recorded.Prompts(golden), images, new GenerationOptions { MaxNewTokens = recorded.Config.GetProperty("gen").GetInt32() }, keepLogits: true,
            CancellationToken.None);
    }

    /// <summary>Compares prompts with their answers behind them.</summary>
    public static void CompareTokens(GoldenCase golden, string name, int[][] prompts, IReadOnlyList<GeneratedSequence> sequences)
    {
        int width = prompts.Zip(sequences).Max(pair => pair.First.Length + pair.Second.Tokens.Length);
        int[] all = [.. prompts.Zip(sequences).SelectMany(pair =>
        {
            int[] own = [.. pair.First, .. pair.Second.Tokens];
            return own.Concat(Enumerable.Repeat(Pad, width - own.Length));
        })];
        using Tensor actual = tensor(all, [prompts.Length, width], dtype: ScalarType.Int64);
        golden.CompareExact(name, actual);
    }

    /// <summary>All steps' logits, <c>[samples, steps, V]</c>.</summary>
    public static Tensor Logits(IReadOnlyList<GeneratedSequence> sequences)
        => stack([.. sequences.Select(s => stack([.. s.Logits!.Select(step => tensor(step))], 0))], 0);

    /// <summary>Compares layers, router weights and pools below a prefix, where they are recorded.</summary>
    public static void CompareLayers(GoldenCase golden, string prefix, LavinTrace trace)
    {
        for (int layer = 0; layer < golden.Config.GetProperty("n_layers").GetInt32(); layer++)
        {
            (string Name, Func<Tensor?> Actual)[] values =
            [
                ($"prefill.layer_{layer}", () => trace.Output(0, layer)), ($"decode1.layer_{layer}", () => trace.Output(1, layer)),
                ($"router_w_{layer}", () => trace.Value("eas.router", layer)), ($"pool_p_{layer}", () => trace.Value("eas.pool", layer)?.unsqueeze(-1)),
            ];
            foreach ((string name, Func<Tensor?> actual) in values.Where(value => golden.Has(prefix + value.Name)))
            {
                golden.Compare(prefix + name, actual()!);
            }
        }
    }
}
