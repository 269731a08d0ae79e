using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>The published sizes, with weights that a hash gives.</summary>
public sealed partial class FullSizeRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "full_size";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        string salt = golden.Meta.GetProperty("salt").GetString()!;
        using TensorWeights weights = new(golden.Meta.GetProperty("tensors").EnumerateArray().ToDictionary(
            entry => entry[0].GetString()!,
            entry => GeneratedTensor.Salted(
                salt, entry[0].GetString()!, Shape(entry[1]), entry[2].GetSingle(), entry[3].GetSingle()).DetachFromDisposeScope()));
        Check(golden, weights);
        using CaptionModel model = CaptionModel.Load(
            weights, CaptionConfig.Read(weights), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        Assert.Equal(
            weights.Names.Where(name => !name.Contains("running_", StringComparison.Ordinal)).Sum(name => weights.Load(name).numel()),
            model.Trained.Sum(pair => pair.Tensor.numel()) + ((long)model.Config.Positions * model.Config.Width));

        JsonElement input = golden.Meta.GetProperty("inputs").GetProperty("features");
        Tensor features = Change(
            GeneratedTensor.Salted(salt, input[0].GetString()!, Shape(input[1]), input[2].GetSingle(), input[3].GetSingle()), input[4].GetString()!);
        EncodedGrid encoded = model.Encoder.Run(features, RoutePlan.Soft, training: null, new TaskRun { Trace = new Thinned(golden) });
        CompareEvery(golden, "out.tokens_every", encoded.Rows);
        Tensor spoken = model.Decoder.Run(golden.Get("in.ids"), encoded, training: null, TaskRun.Plain);
        golden.CompareExact("out.log_probs_argmax", spoken.argmax(-1));
        CompareEvery(golden, "out.log_probs_every", spoken);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.beam", StringComparison.Ordinal))
            .Where(name => name.EndsWith(".ids", StringComparison.Ordinal)))
        {
            long[] beams = golden.Get(name).shape;
            using CaptionEnsemble ensemble = new([model], features, RoutePlan.Soft, training: null, TaskRun.Plain);
            SearchResult found = BeamSearch.Run(ensemble, (int)beams[1], (int)beams[2]);
            golden.CompareExact(name, found.Ids);
            golden.Compare(name[..^"ids".Length] + "log_probs", found.LogProbabilities);
        }
    }

    // Some channels of a value: the name ends with the step between them.
    private static void CompareEvery(GoldenCase golden, string prefix, Tensor value)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            golden.Compare(name, Every(value, long.Parse(name[prefix.Length..], CultureInfo.InvariantCulture)));
        }
    }

    // What the case says in words is done to its inputs.
    private static Tensor Change(Tensor x, string words)
    {
        Tensor changed = words.Contains("max(x,0)", StringComparison.Ordinal) ? x.clamp(min: 0) : x;
        foreach (Match match in Times().Matches(words))
        {
            changed[int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)].mul_(float.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture));
        }

        return changed;
    }

    [GeneratedRegex(@"sample (\d+) times (\d+(?:\.\d+)?)")]
    private static partial Regex Times();

    private static void Check(GoldenCase golden, TensorWeights weights)
    {
        const string first = "mid.check.first4.", sum = "mid.check.sum.";
        foreach (string name in golden.Names.Where(name => name.StartsWith(first, StringComparison.Ordinal)))
        {
            golden.CompareExact(name, weights.Load(name[first.Length..]).flatten().narrow(0, 0, 4));
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith(sum, StringComparison.Ordinal)))
        {
            golden.Compare(name, weights.Load(name[sum.Length..]).to(ScalarType.Float64).sum().to(ScalarType.Float32), 1e-6);
        }
    }

    private static Tensor Every(Tensor x, long step) => x.index_select(-1, arange(0, x.size(-1), step, dtype: ScalarType.Int64));

    private static long[] Shape(JsonElement sizes) => [.. sizes.EnumerateArray().Select(size => size.GetInt64())];

    private sealed class Thinned(GoldenCase golden) : ITaskTrace
    {
        public bool Wants(string name) => golden.Names.Any(recorded => Is(recorded, name));

        public void Value(string name, Tensor value)
        {
            foreach (string recorded in golden.Names.Where(recorded => Is(recorded, name)))
            {
                string rest = recorded[("mid." + name).Length..];
                golden.Compare(recorded, rest.Length == 0 ? value : Every(value, long.Parse(rest["_every".Length..], CultureInfo.InvariantCulture)));
            }
        }

        private static bool Is(string recorded, string name)
            => recorded == "mid." + name || recorded.StartsWith($"mid.{name}_every", StringComparison.Ordinal);
    }
}
