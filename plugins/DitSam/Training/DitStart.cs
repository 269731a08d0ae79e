using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>What a SAM lacks to be trained as a DIT, as the published code begins with it.</summary>
internal static class DitStart
{
    private const double TokenDeviation = 1;

    /// <summary>The missing tensors under SAM's names; the caller disposes them. None for a DIT of the variant asked for.</summary>
    /// <param name="source">A SAM with a text encoder, or a DIT, under SAM's names.</param>
    /// <param name="variant">The variant; null for the checkpoint's, or layer-wise for a SAM.</param>
    /// <param name="rows">Rows of a sentence.</param>
    /// <param name="seed">Seed of what is drawn.</param>
    public static TensorWeights Missing(IWeightSource source, DitVariant? variant, int rows, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(unchecked((ulong)seed), CPU);
        SamConfig sam = SamConfig.Read(source, 1);
        int d = sam.Vision.HiddenSize, blocks = sam.Vision.Layers;
        long text = source.Describe(DitKeys.Bert + "embeddings.word_embeddings.weight").Shape[1];
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        bool isSam = !source.Contains(DitKeys.TextProjection + ".weight");
        if (isSam)
        {
            Linear(tensors, DitKeys.TextProjection, sam.PromptWidth, text, generator);
        }

        DitVariant made = variant ?? DitVariant.LayerWise;
        if (isSam && made is DitVariant.LayerWise or DitVariant.EndToEnd)
        {
            for (int block = 0; block < blocks; block++)
            {
                tensors[$"{DitKeys.Projections}.{block}.weight"] = zeros(d, d);
                tensors[$"{DitKeys.Projections}.{block}.bias"] = zeros(d);
            }

            if (text != d && made == DitVariant.LayerWise)
            {
                Linear(tensors, DitKeys.WidthProjection, d, text, generator);
            }
        }

        if (isSam && made == DitVariant.TokenLayerWise)
        {
            tensors[DitKeys.Tokens] = randn([blocks, rows, d], generator: generator).mul(TokenDeviation);
        }

        if (isSam && made == DitVariant.EndToEndToken)
        {
            // Xavier's bound takes the first dimension for outputs, the second times the rest for inputs.
            double bound = Math.Sqrt(6.0 / ((rows * d) + ((blocks - 1) * d)));
            tensors[DitKeys.Tokens] = rand([blocks - 1, rows, d], generator: generator).mul(2).sub(1).mul(bound);
            tensors[DitKeys.Projections + ".weight"] = zeros(d, d);
            tensors[DitKeys.Projections + ".bias"] = zeros(d);
        }

        foreach (Tensor tensor in tensors.Values)
        {
            tensor.DetachFromDisposeScope();
        }

        return new TensorWeights(tensors);
    }

    // As libtorch begins a linear layer: uniform within one over the root of the inputs.
    private static void Linear(Dictionary<string, Tensor> tensors, string name, long outputs, long inputs, Generator generator)
    {
        double bound = 1 / Math.Sqrt(inputs);
        Tensor Uniform(params long[] shape) => rand(shape, generator: generator).mul(2).sub(1).mul(bound);
        tensors[name + ".weight"] = Uniform(outputs, inputs);
        tensors[name + ".bias"] = Uniform(outputs);
    }
}
