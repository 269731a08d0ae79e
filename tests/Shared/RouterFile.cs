using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Tests;

/// <summary>Random routers and adapters for every layer, under the names that their methods publish.</summary>
internal static class RouterFile
{
    private const int Hidden = 4;

    /// <summary>Writes a file.</summary>
    public static void Write(string path, int layers, int width)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(7, CPU);
        Dictionary<string, Tensor> tensors = [];
        Tensor Noise(params long[] shape) => randn(shape, generator: generator).mul(0.2);
        Tensor router = Noise(2, width);
        for (int layer = 0; layer < layers; layer++)
        {
            string of = $"model.layers.{layer}.";
            tensors[of + "router.weight"] = router;
            foreach ((string adapter, string[] inner) in new[] { ("adapter_attn", new[] { "conv_A" }), ("replaced_adapter", ["conv_A", "conv_C"]) })
            {
                foreach (string name in inner)
                {
                    tensors[$"{of}{adapter}.{name}.weight"] = Noise(Hidden, width, 1);
                    tensors[$"{of}{adapter}.{name}.bias"] = Noise(Hidden);
                }

                foreach (string name in new[] { "conv_B", "conv_D" })
                {
                    tensors[$"{of}{adapter}.{name}.weight"] = Noise(width, Hidden / 2, 1);
                    tensors[$"{of}{adapter}.{name}.bias"] = Noise(width);
                }

                tensors[$"{of}{adapter}.expert_weights.weight"] = Noise(2, width);
                if (inner.Length > 1)
                {
                    tensors[$"{of}{adapter}.expert_weights.bias"] = Noise(2);
                }
            }
        }

        SafetensorsWriter.Save(path, tensors);
    }
}
