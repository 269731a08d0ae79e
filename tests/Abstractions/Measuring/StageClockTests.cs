using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Measuring;

/// <summary>To whom a clock's time and work belong, and that nobody pays who does not ask.</summary>
public sealed class StageClockTests
{
    [Fact]
    public void Time_belongs_to_the_innermost_stage_and_adds_up_to_the_wall()
    {
        StageClock clock = new(CPU);
        long began = Stopwatch.GetTimestamp();
        clock.Begin();
        using (clock.Enter(ForwardStage.Method))
        {
            Thread.Sleep(5);
            using (clock.Enter(ForwardStage.GateUp))
            {
                Thread.Sleep(20);
            }
        }

        Thread.Sleep(5);
        clock.EndPass();
        double wall = Stopwatch.GetElapsedTime(began).TotalMilliseconds;

        StagePass pass = Assert.Single(clock.Passes);
        Assert.Equal([(ForwardStage.GateUp, 1), (ForwardStage.Method, 1)], pass.Stages.Select(stage => (stage.Stage, stage.Calls)));
        Assert.InRange(pass.Milliseconds, 30, wall);
        Assert.True(pass[ForwardStage.GateUp]!.Milliseconds >= 20);
        Assert.True(pass[ForwardStage.Method]!.Milliseconds >= 5);
        Assert.True(pass.Rest >= 5);
        Assert.Equal(pass.Milliseconds, pass.Rest + pass.Stages.Sum(stage => stage.Milliseconds), 9);
        Assert.True(pass.Milliseconds - pass[ForwardStage.GateUp]!.Milliseconds >= 10, "The inner stage was counted in the outer one too.");
    }

    [Fact]
    public void A_pass_begins_with_nothing_of_the_one_before()
    {
        StageClock clock = new(CPU);
        clock.Begin();
        using (clock.Enter(ForwardStage.Down))
        {
            clock.Count(3, 5);
        }

        clock.Count(7, 7); // of no stage
        clock.EndPass();
        using (clock.Enter(ForwardStage.Norm))
        {
        }

        clock.EndPass();

        Assert.Equal(3, clock.Passes[0][ForwardStage.Down]!.Macs);
        Assert.Equal(5, clock.Passes[0][ForwardStage.Down]!.WeightBytes);
        Assert.Equal([ForwardStage.Norm], clock.Passes[1].Stages.Select(stage => stage.Stage));
        Assert.Equal(0, clock.Passes[1][ForwardStage.Norm]!.Macs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void A_product_counts_its_rows_and_its_stored_weights_once_in_the_open_stage(int rows)
    {
        using IDisposable mode = inference_mode();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Matrix matrix = new DenseMatrix(randn(6, 4), zeros(6));
        using Tensor x = randn(rows, 4);
        StageClock clock = new(CPU);
        ops.Clock = clock;
        clock.Begin();
        using (ops.Time(ForwardStage.Down))
        {
            ops.Linear(x, matrix, rows).Dispose();
        }

        clock.EndPass();

        Assert.Equal(rows * 24, clock.Passes[0][ForwardStage.Down]!.Macs);
        Assert.Equal(4 * (24 + 6), clock.Passes[0][ForwardStage.Down]!.WeightBytes);
    }

    [Fact]
    public void A_stage_that_nobody_measures_allocates_nothing()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        Enter(ops, 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Enter(ops, 1000);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Null(ops.ForTraining().Clock);
    }

    private static void Enter(Ops ops, int times)
    {
        for (int i = 0; i < times; i++)
        {
            using StageScope timed = ops.Time(ForwardStage.Norm);
        }
    }
}
