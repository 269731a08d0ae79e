using System.Text;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>The published sizes, with weights that a hash gives.</summary>
public sealed class FullSizeRunner : IGoldenRunner
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
            entry => Generate(salt, entry[0].GetString()!, Shape(entry[1]), entry[2].GetSingle(), entry[3].GetSingle()).DetachFromDisposeScope()));
        Check(golden, weights);
        using CaptionModel model = CaptionModel.Load(
            weights, CaptionConfig.Read(weights), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        Assert.Equal(
            weights.Names.Where(name => !name.Contains("running_", StringComparison.Ordinal)).Sum(name => weights.Load(name).numel()),
            model.Trained.Sum(pair => pair.Tensor.numel()) + ((long)model.Config.Positions * model.Config.Width));

        JsonElement input = golden.Meta.GetProperty("inputs").GetProperty("features");
        Tensor features = Generate(salt, input[0].GetString()!, Shape(input[1]), input[2].GetSingle(), input[3].GetSingle()).clamp(min: 0);
        features[1].mul_(0.5);
        EncodedGrid encoded = model.Encoder.Run(features, RoutePlan.Soft, training: null, new TaskRun { Trace = new Thinned(golden) });
        golden.Compare("out.tokens_every32", Every(encoded.Rows, 32));
        Tensor spoken = model.Decoder.Run(golden.Get("in.ids"), encoded, training: null, TaskRun.Plain);
        golden.CompareExact("out.log_probs_argmax", spoken.argmax(-1));
        golden.Compare("out.log_probs_every200", Every(spoken, 200));

        long[] beams = golden.Get("out.beam5.ids").shape;
        using CaptionEnsemble ensemble = new([model], features, RoutePlan.Soft, training: null, TaskRun.Plain);
        SearchResult found = BeamSearch.Run(ensemble, (int)beams[1], (int)beams[2]);
        golden.CompareExact("out.beam5.ids", found.Ids);
        golden.Compare("out.beam5.log_probs", found.LogProbabilities);
    }

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

    // Element i is u * scale + offset in float32, u a 24-bit hash of salt, key and i.
    private static Tensor Generate(string salt, string key, long[] shape, float scale, float offset)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte letter in Encoding.UTF8.GetBytes($"{salt}:{key}"))
        {
            hash = unchecked((hash ^ letter) * 0x100000001b3);
        }

        float[] values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (int i = 0; i < values.Length; i++)
        {
            ulong z = unchecked(hash + (((ulong)i + 1) * 0x9E3779B97F4A7C15));
            z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
            z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
            z ^= z >> 31;
            float u = ((float)(z >> 40) * (1f / 8388608)) - 1;
            values[i] = (u * scale) + offset;
        }

        return tensor(values, shape);
    }

    private sealed class Thinned(GoldenCase golden) : ITaskTrace
    {
        public bool Wants(string name) => golden.Has(Recorded(name));

        public void Value(string name, Tensor value)
            => golden.Compare(Recorded(name), name.EndsWith(".z", StringComparison.Ordinal) ? Every(value, 64) : value);

        private static string Recorded(string name) => "mid." + (name.EndsWith(".z", StringComparison.Ordinal) ? name + "_every64" : name);
    }
}
