using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>The DTNet of a case.</summary>
internal static class RecordedCaptioner
{
    /// <summary>
    /// Opens the model of a set of weights and holds its sizes against the case's configuration; the caller disposes it. Of a case about one part only, the
    /// other part is drawn.
    /// </summary>
    public static CaptionModel Open(GoldenCase golden, IWeightSource weights, bool trainable = false)
    {
        if (!CaptionConfig.IsOne(weights))
        {
            using Generator generator = new(1, CPU);
            using TensorWeights drawn = new(new CaptionStart(Sizes(golden.Config), generator).Draw());
            CombinedWeights whole = new([weights, drawn.Where(name => !weights.Contains(name))], ownsSources: false);
            return CaptionModel.Load(
                whole, Config(golden.Config, CaptionConfig.Read(whole)), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), trainable: true);
        }

        CaptionConfig config = Config(golden.Config, CaptionConfig.Read(weights));
        return CaptionModel.Load(weights, config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), trainable);
    }

    /// <summary>What a case says of a model: sizes must be those of the weights, constants are taken over.</summary>
    public static CaptionConfig Config(JsonElement says, CaptionConfig read)
    {
        int Number(string name) => says.GetProperty(name).GetInt32();
        Assert.Equal(
            (Number("d_in"), Number("d_model"), Number("heads"), Number("d_k"), Number("d_v"), Number("d_ff")),
            (read.Features, read.Width, read.Heads, read.KeySize, read.ValueSize, read.Inner));
        Assert.Equal(
            (Number("n_enc"), Number("n_dec"), Number("vocab"), Number("max_len") + 1, Number("grid")),
            (read.EncoderLayers, read.DecoderLayers, read.Vocabulary, read.Positions, read.Grid));
        Assert.Equal(read.Width / Number("se_reduction"), read.Squeezed);
        Assert.Equal((read.Cells / Number("router_r1"), read.Width / Number("router_r2")), (read.RouterRows, read.RouterChannels));
        return read with
        {
            Special = new SpecialWords(Number("unk"), Number("pad"), Number("bos"), Number("eos")),
            NormEpsilon = says.GetProperty("ln_eps").GetDouble(),
            BatchEpsilon = says.GetProperty("bn_eps").GetDouble(),
            BatchMomentum = says.GetProperty("bn_momentum").GetDouble(),
        };
    }

    private static CaptionConfig Sizes(JsonElement says)
    {
        int Number(string name) => says.GetProperty(name).GetInt32();
        int grid = Number("grid"), width = Number("d_model");
        return new CaptionConfig
        {
            Features = Number("d_in"),
            Width = width,
            Heads = Number("heads"),
            KeySize = Number("d_k"),
            ValueSize = Number("d_v"),
            Inner = Number("d_ff"),
            EncoderLayers = Number("n_enc"),
            DecoderLayers = Number("n_dec"),
            Vocabulary = Number("vocab"),
            Positions = Number("max_len") + 1,
            Grid = grid,
            Squeezed = width / Number("se_reduction"),
            RouterRows = grid * grid / Number("router_r1"),
            RouterChannels = width / Number("router_r2"),
        };
    }

    /// <summary>A call whose values are compared with a case's: value <c>x</c> with <c>prefix + x</c> where the case holds it.</summary>
    public static TaskRun Comparing(GoldenCase golden, string prefix = "mid.") => new() { Trace = new Comparison(golden, prefix) };

    /// <summary>Compares gradients: within the tolerance and an absolute part, because some are rounding noise.</summary>
    public static void CompareGradients(GoldenCase golden, string prefix, IReadOnlyDictionary<string, Tensor> parameters)
    {
        double absolute = golden.Meta.GetProperty("grad_atol").GetDouble();
        foreach (string name in golden.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            Tensor expected = golden.Get(name), gradient = parameters[name[prefix.Length..]].grad ?? throw new Xunit.Sdk.XunitException($"{name}: no gradient");
            double largest = expected.abs().max().item<float>(), allowed = golden.Tolerance + (largest > 0 ? absolute / largest : absolute);
            golden.Compare(name, gradient, allowed);
        }
    }

    private sealed class Comparison(GoldenCase golden, string prefix) : ITaskTrace
    {
        public bool Wants(string name) => golden.Has(prefix + name);

        public void Value(string name, Tensor value) => golden.Compare(prefix + name, value);
    }
}
