using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Measuring;

public sealed class MeasuredOnTests
{
    [Fact]
    public void A_model_s_arithmetic_is_named_with_its_threads_and_the_processor()
    {
        using Ops ops = new(CPU, ScalarType.BFloat16, threads: 3);

        MeasuredOn on = MeasuredOn.Of(ops);

        Assert.Equal(new MeasuredOn(ScalarType.BFloat16, "cpu", 3, ProcessorName.Cpu(File.ReadLines("/proc/cpuinfo"))), on);
        Assert.Equal($"BFloat16 on cpu, 3 thread(s), {on.Processor}", on.ToString());
    }

    [Fact]
    public void Json_has_a_property_for_each_fact()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            new MeasuredOn(ScalarType.Float32, "cuda:1", 2, "NVIDIA A100").Write(json);
            json.WriteEndObject();
        }

        Assert.Equal("""{"type":"Float32","device":"cuda:1","threads":2,"processor":"NVIDIA A100"}""", Encoding.UTF8.GetString(buffer.ToArray()));
    }

    [Fact]
    public void Weights_that_are_not_as_stored_are_told()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1) { Weights = WeightFormat.Int8 };
        MeasuredOn on = MeasuredOn.Of(ops);
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            on.Write(json);
            json.WriteEndObject();
        }

        Assert.StartsWith("Float32 with int8 weights on cpu, 1 thread(s), ", on.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("""{"type":"Float32","weights":"int8","device":"cpu",""", Encoding.UTF8.GetString(buffer.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cache_in_fewer_bits_is_told()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1) { Weights = WeightFormat.Int8, Cache = CacheFormat.Int8 };
        MeasuredOn both = MeasuredOn.Of(ops), one = both with { Weights = null };
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            one.Write(json);
            json.WriteEndObject();
        }

        Assert.StartsWith("Float32 with int8 weights and int8 KV on cpu, ", both.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("Float32 with int8 KV on cpu, ", one.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("""{"type":"Float32","cache":"int8","device":"cpu",""", Encoding.UTF8.GetString(buffer.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void The_name_of_the_cpu_is_that_of_the_first_core()
    {
        string[] lines = ["processor\t: 0", "model\t\t: 17", "model name\t: AMD EPYC 9R14: 96 cores", "", "model name\t: another"];

        Assert.Equal("AMD EPYC 9R14: 96 cores", ProcessorName.Cpu(lines));
    }

    [Theory]
    [InlineData("")]
    [InlineData("processor\t: 0\nBogoMIPS\t: 243.75")]
    [InlineData("model name\t:")]
    public void Where_the_cpu_has_no_name_its_architecture_is_named(string lines)
        => Assert.Equal($"{RuntimeInformation.ProcessArchitecture} processor", ProcessorName.Cpu(lines.Split('\n')));

    [Fact]
    public void A_gpu_is_named_where_all_have_one_name()
    {
        string[] h200 = ["Model: \t\t NVIDIA H200", "IRQ:   \t\t 12"], a100 = ["Model: \t\t NVIDIA A100"];

        Assert.Equal("NVIDIA H200", ProcessorName.Gpu([h200, h200]));
        Assert.Null(ProcessorName.Gpu([h200, a100]));
        Assert.Null(ProcessorName.Gpu([]));
    }
}
