using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>A DTNet of random weights, small enough for tests, with weights large enough that pictures get different paths and captions.</summary>
internal static class TinyCaptioner
{
    public const int Channels = 12;

    public static readonly Vocabulary Words = new(
        ["<unk>", "<pad>", "<bos>", "<eos>", "a", "red", "blue", "ball", "box", "on", "the", "left", "right"], "the tests' vocabulary");

    public static CaptionConfig Config(int layers = 2) => CaptionStartCommand.Sizes(Channels, 32, 4, layers, 24, Words.Words.Count);

    /// <summary>The weights; the caller disposes them.</summary>
    public static TensorWeights Weights(int layers = 2, ulong seed = 3)
    {
        using Generator generator = new(seed, CPU);
        Dictionary<string, Tensor> tensors = new CaptionStart(Config(layers), generator).Draw();
        using IDisposable quiet = no_grad();
        foreach ((string name, Tensor tensor) in tensors)
        {
            if (name.Contains("router", StringComparison.Ordinal) || name.StartsWith("decoder.fc", StringComparison.Ordinal))
            {
                tensor.mul_(4);
            }
            else if (name.EndsWith("running_mean", StringComparison.Ordinal))
            {
                tensor.fill_(0.2);
            }
        }

        return new TensorWeights(tensors);
    }

    public static CaptionModel Load(IWeightSource weights, bool trainable = false)
        => CaptionModel.Load(weights, CaptionConfig.Read(weights), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), trainable);

    /// <summary>Grid vectors of some pictures, not negative as a detector's; the caller disposes them.</summary>
    public static Tensor Features(int pictures, ulong seed = 5)
    {
        using Generator generator = new(seed, CPU);
        using Tensor normal = randn([pictures, 49, Channels], generator: generator);
        return normal.mul_(2).clamp(min: 0);
    }

    /// <summary>Writes checkpoint and vocabulary into a folder.</summary>
    /// <returns>The checkpoint.</returns>
    public static string Save(string folder, int layers = 2, ulong seed = 3)
    {
        using TensorWeights weights = Weights(layers, seed);
        Dictionary<string, Tensor> tensors = weights.Names.ToDictionary(name => name, weights.Load);
        string path = CaptionExport.Write(folder, tensors, Words).Files[0];
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        return path;
    }

    public static ICaptioner Open(string checkpoint, string options = "{}", string? folder = null, Action<string>? tell = null)
    {
        using JsonDocument json = JsonDocument.Parse(options);
        return new DtNetFactory().Open(checkpoint, json.RootElement.Clone(), CPU, new FactoryFiles(folder ?? Path.GetDirectoryName(checkpoint), tell: tell));
    }

    /// <summary>The features of one picture as an input.</summary>
    public static CaptionInput Input(int picture)
    {
        using Tensor all = Features(picture + 1);
        using Tensor own = all[picture];
        using Tensor dense = own.contiguous();
        return new CaptionInput(null, new FeatureRows(dense.data<float>().ToArray(), 49, Channels));
    }
}
