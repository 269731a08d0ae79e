using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Measuring;

/// <summary>What machines are remembered for, with measurements that are made up.</summary>
[Collection(DecodingCollection.Name)]
public sealed class MachineSpeedsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("aperture-speeds");
    private readonly List<int> _measured = [];

    private string File => Path.Combine(_folder.FullName, "machine", "speeds.json");

    [Theory]
    [InlineData(10, 8.9, ScalarType.Float32)]
    [InlineData(10, 9.1, ScalarType.BFloat16)]
    [InlineData(10, 30, ScalarType.BFloat16)]
    public void Half_precision_is_computed_in_float32_where_that_is_clearly_faster(double half, double single, ScalarType expected)
        => Assert.Equal(expected, Times(half, single).HalfType);

    [Fact]
    public void A_machine_is_measured_once_for_each_number_of_threads()
    {
        MachineSpeeds first = Speeds("one"), second = Speeds("one");

        Assert.Equal((1.0, 1.0, 2.0), (first.Of(1).Bf16Rows, first.Of(1).Bf16Rows, first.Of(2).Bf16Rows));
        Assert.Equal((1.0, 2.0), (second.Of(1).Bf16Rows, second.Of(2).Bf16Rows));
        Assert.Equal([1, 2], _measured);
        Assert.Equal(first.Of(2), second.Of(2));
    }

    [Fact]
    public void Another_processor_is_measured_and_the_first_stays_known()
    {
        Speeds("one").Of(1);
        Speeds("two").Of(1);
        Speeds("one").Of(1);

        Assert.Equal([1, 1], _measured);
    }

    [Fact]
    public void It_is_measured_anew_on_request()
    {
        MachineSpeeds speeds = Speeds("one");
        speeds.Of(1);
        speeds.Again(1);
        Speeds("one").Of(1);

        Assert.Equal([1, 1], _measured);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[1]")]
    [InlineData("""{"one, 1 thread(s), edition 1": {"bf16Rows": 1}}""")]
    [InlineData("null")]
    public void A_damaged_file_is_measured_over(string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, content);

        Speeds("one").Of(1);
        Speeds("one").Of(1);

        Assert.Equal([1], _measured);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_told_and_does_not_stop_anything()
    {
        List<string> notices = [];
        System.IO.File.WriteAllText(Path.Combine(_folder.FullName, "machine"), "");
        MachineSpeeds speeds = Speeds("one", notices);

        Assert.Equal(1, speeds.Of(1).Bf16Rows);
        Assert.Equal(1, speeds.Of(1).Bf16Rows);
        Assert.Equal([1], _measured);
        Assert.StartsWith("How fast this machine multiplies could not be written to", Assert.Single(notices), StringComparison.Ordinal);
    }

    [Fact]
    public void The_timer_compares_the_best_of_five_rounds_after_one_that_warms_up()
    {
        int call = 0;
        ProductTimes times = null!;
        LiveTensors.MustNotGrow(() => times = ProductTimer.Measure(1, product =>
        {
            product();
            call++;

            // Six products a round: the first round is fast by accident, the third is the best of the others.
            return call <= 6 ? 0.001 : (call % 6) + (call is > 12 and <= 18 ? 0 : 100);
        }));

        Assert.Equal(36, call);
        Assert.Equal(
            new ProductTimes { Bf16Rows = 1, Float32Rows = 2, Int8Rows = 3, Bf16Row = 4 / 8.0, Float32Row = 5 / 8.0, Int8Row = 0 }, times);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Auto_takes_what_was_measured_and_a_named_type_stays(ScalarType measured)
    {
        int asked = 0;
        ScalarType Half()
        {
            asked++;
            return measured;
        }

        WeightPolicy half = WeightPolicy.For(CPU, null, ScalarType.BFloat16, Half), whole = WeightPolicy.For(CPU, null, ScalarType.Float32, Half);
        WeightPolicy named = WeightPolicy.For(CPU, ScalarType.BFloat16, ScalarType.Float16, Half);
        WeightPolicy other = WeightPolicy.For(new Device(TorchSharp.DeviceType.META), null, ScalarType.BFloat16, Half);

        Assert.Equal((measured, ScalarType.BFloat16), (half.Compute, half.Storage));
        Assert.Equal((ScalarType.BFloat16, ScalarType.Float32, ScalarType.BFloat16), (named.Compute, whole.Compute, other.Compute));
        Assert.Equal(1, asked);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private MachineSpeeds Speeds(string processor, List<string>? notices = null) => new(
        File,
        threads =>
        {
            _measured.Add(threads);
            return Times(threads, 1);
        },
        processor)
    { OnNotice = line => (notices ?? []).Add(line) };

    private static ProductTimes Times(double half, double single)
        => new() { Bf16Rows = half, Float32Rows = single, Int8Rows = 1, Bf16Row = 1, Float32Row = 1, Int8Row = 1 };
}
