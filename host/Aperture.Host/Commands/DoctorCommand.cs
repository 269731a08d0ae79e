using System.CommandLine;
using System.Globalization;
using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Measuring;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary><c>aperture doctor</c>: how fast this machine multiplies, and what <c>--dtype auto</c> makes of it.</summary>
internal static class DoctorCommand
{
    public static Command Create(CommandContext context)
    {
        Option<bool> again = new("--again") { Description = "Measure anew, and remember that." };
        Command command = new("doctor", "Tell how fast this machine multiplies, measured once, and what --dtype auto takes.") { again };
        command.SetAction(parsed =>
        {
            context.Compute.Open(parsed);
            int threads = context.Compute.Threads(parsed) ?? get_num_threads();
            MachineSpeeds speeds = SpeedsFile.Open(context);
            ProductTimes times = parsed.GetValue(again) ? speeds.Again(threads) : speeds.Of(threads);
            context.Terminal.Show(new DisplayTable(
                ["product with bf16 weights", "many rows, ms", "one row, ms"],
                [
                    ["bf16", Text(times.Bf16Rows), Text(times.Bf16Row)],
                    ["float32, widened a matrix at a time", Text(times.Float32Rows), Text(times.Float32Row)],
                    ["int8 (--weights int8)", Text(times.Int8Rows), Text(times.Int8Row)],
                ]));
            using Ops ops = new(CPU, times.HalfType, threads);
            context.Terminal.Output.WriteLine($"--dtype auto computes checkpoints of half precision in {MeasuredOn.Of(ops)}.");
            context.Terminal.Output.WriteLine(
                Convolutions.NeedWholeBlocks
                    ? "libtorch's convolutions are wrong here where channels do not fill blocks; Aperture's models fill them up, at some cost."
                    : "libtorch's convolutions agree with double precision.");
            context.Terminal.Output.WriteLine(
                speeds.File is { } file
                    ? $"Remembered in {file}; --again measures anew."
                    : "There is no home folder to remember it in; set XDG_CACHE_HOME to a folder that can be written.");
            return 0;
        });
        return command;
    }

    private static string Text(double milliseconds) => milliseconds.ToString(milliseconds < 1 ? "0.000" : "0.00", CultureInfo.InvariantCulture);
}
