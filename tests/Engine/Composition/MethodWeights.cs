using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Composition;

/// <summary>A folder with random weights of every method for one decoder, under the published names; adapters are zero on request.</summary>
internal sealed class MethodWeights : IMethodFiles, IDisposable
{
    private const int GateHidden = 8, AdapterHidden = 4, PropagationHidden = 8;

    public MethodWeights(DecoderSpec config, long seed, bool zeroAdapters = false)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new((ulong)seed, CPU);
        Dictionary<string, Tensor> gates = [], routers = [], adapters = [], queries = [];
        int d = config.HiddenSize;
        Tensor Noise(double scale, params long[] shape) => randn(shape, generator: generator).mul(scale);
        Tensor router = Noise(0.3, 2, d);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            gates[$"model.visual_gates_router.{layer}.w1.weight"] = Noise(0.2, GateHidden, 2 * d);
            gates[$"model.visual_gates_router.{layer}.w2.weight"] = Noise(0.5, 2, GateHidden);
            routers[$"model.layers.{layer}.router.weight"] = router;
            Adapter(adapters, $"model.layers.{layer}.adapter_attn.", AdapterHidden, zeroAdapters ? 0 : 0.2, pooled: false);
            Adapter(adapters, $"model.layers.{layer}.replaced_adapter.", PropagationHidden, zeroAdapters ? 0 : 0.2, pooled: true);
        }

        void Adapter(Dictionary<string, Tensor> into, string prefix, int hidden, double output, bool pooled)
        {
            string[] inner = pooled ? ["conv_A", "conv_C"] : ["conv_A"];
            foreach (string name in inner)
            {
                into[$"{prefix}{name}.weight"] = Noise(0.3, hidden, d, 1);
                into[$"{prefix}{name}.bias"] = Noise(0.1, hidden);
            }

            foreach (string name in new[] { "conv_B", "conv_D" })
            {
                into[$"{prefix}{name}.weight"] = Noise(output, d, hidden / 2, 1);
                into[$"{prefix}{name}.bias"] = Noise(output, d);
            }

            into[$"{prefix}expert_weights.weight"] = Noise(0.3, 2, d);
            if (pooled)
            {
                into[$"{prefix}expert_weights.bias"] = Noise(0.3, 2);
            }
        }

        Queries(queries);

        void Queries(Dictionary<string, Tensor> into)
        {
            (int width, int patch) = (2 * config.Heads, PatchWidth(config));
            (string Name, int Outputs, int Inputs)[] linears =
            [
                ("down_projector_learnable_text", width, d), ("down_projector_image", width, patch), ("layers.0.t2q_attn.q_proj", width, width),
                ("layers.0.t2q_attn.k_proj", width, width), ("layers.0.t2q_attn.v_proj", width, width), ("layers.0.i2q_attn.q_proj", width, width),
                ("layers.0.i2q_attn.k_proj", width, width), ("layers.0.i2q_attn.v_proj", patch, patch), ("up_projector", d, patch),
            ];
            foreach ((string name, int outputs, int inputs) in linears)
            {
                into[$"model.lqformer.{name}.weight"] = Noise(0.4, outputs, inputs);
                into[$"model.lqformer.{name}.bias"] = Noise(0.1, outputs);
            }

            foreach (string norm in new[] { "ln_text", "ln_q", "ln_kv" })
            {
                into[$"model.lqformer.layers.0.{norm}.weight"] = Noise(1, width);
                into[$"model.lqformer.layers.0.{norm}.bias"] = Noise(0.1, width);
            }

            into["model.learnable_tokens.token"] = Noise(0.3, ComposedRun.Queries, d);
        }

        SafetensorsWriter.Save(QueryBlock, queries);
        SafetensorsWriter.Save(Gates, gates);
        SafetensorsWriter.Save(Routers, routers);
        SafetensorsWriter.Save(Adapters, adapters);
    }

    private string Root { get; } = Directory.CreateTempSubdirectory("aperture-methods").FullName;

    public string? ModelFolder => null;

    public string Gates => Path.Combine(Root, "gates.safetensors");

    public string Routers => Path.Combine(Root, "routers.safetensors");

    public string Adapters => Path.Combine(Root, "adapters.safetensors");

    public string QueryBlock => Path.Combine(Root, "queries.safetensors");

    public string Resolve(string path) => path;

    /// <summary>Channels of the patches that queries look at.</summary>
    public static int PatchWidth(DecoderSpec config) => 3 * config.Heads;

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
