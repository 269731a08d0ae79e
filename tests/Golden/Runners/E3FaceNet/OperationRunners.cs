using System.Text.Json;
using Aperture.Plugins.E3FaceNet.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>Activations, filters and resampling convolutions alone.</summary>
public sealed class OperationsRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "ops";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = golden.Get("in.x"), four = golden.Get("in.f_1331"), three = golden.Get("in.f_121");
        Activations(golden, x);
        foreach (JsonProperty entry in golden.Config.GetProperty("upfirdn2d").EnumerateObject())
        {
            string name = "out.upfirdn2d." + entry.Name;
            golden.Compare(name, Resample(golden, entry.Value, golden.Get(name).shape));
        }

        golden.Compare("out.filter2d", Fir.Filter(x, four));
        golden.Compare("out.filter2d_121", Fir.Filter(x, three));
        golden.Compare("out.upsample2d", Fir.Enlarge(x, four));
        golden.Compare("out.upsample2d_121", Fir.Enlarge(x, three));
        Tensor even = golden.Get("in.x_even");
        golden.Compare("out.downsample2d", Fir.Reduce(x, four));
        golden.Compare("out.downsample2d_121", Fir.Reduce(x, three));
        golden.Compare("out.conv_up2", Fir.ConvolveUp(x, golden.Get("in.conv_w"), four, correlate: false));
        golden.Compare("out.conv_down2", Fir.ConvolveDown(even, golden.Get("in.conv_w"), four));
    }

    private static void Activations(GoldenCase golden, Tensor x)
    {
        const string prefix = "out.bias_act.";
        Tensor bias = golden.Get("in.bias"), twice = x.mul(2); // as the configuration says in words
        Assert.Equal("in.x * 2", golden.Config.GetProperty("bias_act_input").GetString());
        foreach (string name in golden.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            golden.Compare(name, name[prefix.Length..] switch
            {
                "2d_lrelu" => Activation.Run(golden.Get("in.bias2d_x"), golden.Get("in.bias2d_b"), "lrelu"),
                "lrelu_clamp" => Clamped(golden.Config.GetProperty("lrelu_clamp"), twice, bias),
                string function => Activation.Run(twice, bias, function),
            });
        }

        static Tensor Clamped(JsonElement says, Tensor x, Tensor bias) => Activation.Run(
            x, bias, "lrelu", says.GetProperty("alpha").GetDouble(), says.GetProperty("gain").GetDouble(), says.GetProperty("clamp").GetDouble());
    }

    // The input that is not named is the one whose size leads to the recorded one.
    private static Tensor Resample(GoldenCase golden, JsonElement says, long[] shape)
    {
        (int, int) Pair(string name) => !says.TryGetProperty(name, out JsonElement value) ? (1, 1)
            : value.ValueKind == JsonValueKind.Array ? (value[0].GetInt32(), value[1].GetInt32()) : (value.GetInt32(), value.GetInt32());
        Tensor? filter = says.GetProperty("f").GetString() is { } named ? golden.Get("in." + named) : null;
        int[] padding = [.. says.GetProperty("padding").EnumerateArray().Select(value => value.GetInt32())];
        Tensor Run(Tensor x) => Fir.Resample(
            x, filter, Pair("up"), Pair("down"), new FirPadding(padding[0], padding[1], padding[2], padding[3]),
            says.TryGetProperty("flip_filter", out JsonElement flip) && flip.GetBoolean(),
            says.TryGetProperty("gain", out JsonElement gain) ? gain.GetDouble() : 1);
        Tensor first = Run(golden.Get("in.x"));
        return first.shape.AsSpan().SequenceEqual(shape) ? first : Run(golden.Get("in.x_even"));
    }
}

/// <summary>Modulated convolutions: with kernels of each sample, and with one kernel and scaled channels.</summary>
public sealed class ModulatedConvolutionRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "modulated_conv";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.", StringComparison.Ordinal)))
        {
            string[] parts = name.Split('.');
            Tensor x = golden.Get($"in.{parts[1]}.x"), weight = golden.Get($"in.{parts[1]}.weight"), styles = golden.Get($"in.{parts[1]}.styles");
            bool demodulate = parts[2] == "demod1";
            golden.Compare(name, parts[3] == "fused1"
                ? Modulation.Convolve(x, Modulation.Kernels(weight, styles, demodulate)) : Modulation.ConvolveScaled(x, weight, styles, demodulate));
            if (weight.size(-1) == 1)
            {
                golden.Compare(name, Pixelwise.Run(x, Modulation.Kernels(weight, styles, demodulate).flatten(2), null));
            }
        }
    }
}
