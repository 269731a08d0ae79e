using System.CommandLine;
using Aperture.Jupyter;
using Aperture.Scripting;
using NetMQ;

namespace Aperture.Host.Commands;

/// <summary><c>aperture jupyter install</c> registers the kernel; <c>aperture jupyter kernel FILE</c> is what Jupyter then starts.</summary>
internal static class JupyterCommand
{
    public static Command Create(CommandContext context) => new("jupyter", "Use Aperture in Jupyter notebooks.") { Install(context), Kernel(context) };

    private static Command Install(CommandContext context)
    {
        Option<string> name = new("--name") { Description = "The kernel's name.", HelpName = "name", DefaultValueFactory = _ => "aperture" };
        Option<string?> prefix = new("--prefix")
        {
            Description = "Register for the Jupyter installed there, such as a virtual environment, instead of for the user.",
            HelpName = "folder",
        };
        Command command = new("install", "Register the kernel with Jupyter; --device, --threads and --plugin become the kernel's.") { name, prefix };
        command.SetAction(parsed =>
        {
            List<string> start = [.. KernelSpec.ThisProgram(), "jupyter", "kernel"];
            if (context.Compute.Threads(parsed) is { } threads)
            {
                start.AddRange(["--threads", $"{threads}"]);
            }

            if (context.Compute.Device(parsed) is { } device && device != Natives.DeviceChoice.Auto)
            {
                start.AddRange(["--device", $"{device}"]);
            }

            start.AddRange(context.Plugins.Folders(parsed).SelectMany(folder => new[] { "--plugin", Path.GetFullPath(folder) }));
            string kernels = parsed.GetValue(prefix) is { } folder ? KernelSpec.FolderOf(folder) : KernelSpec.UserFolder;
            context.Terminal.Output.WriteLine(KernelSpec.Install(kernels, parsed.GetRequiredValue(name), start));
            return 0;
        });
        return command;
    }

    private static Command Kernel(CommandContext context)
    {
        Argument<string> file = new("connection-file") { Description = "The file in which Jupyter says where to listen." };
        Command command = new("kernel", "Run the kernel; Jupyter starts it.") { file };
        command.SetAction((parsed, token) => RunAsync(context, parsed, ConnectionFile.Read(parsed.GetRequiredValue(file)), token));
        return command;
    }

    private static async Task<int> RunAsync(CommandContext context, ParseResult parsed, ConnectionFile connection, CancellationToken cancellationToken)
    {
        if (context.Compute.Threads(parsed) is not null)
        {
            context.Compute.Open(parsed);
        }

        CellDisplay display = new();
        ScriptEnvironment environment = ScriptEnvironment.Create(context, parsed, [], display);
        ScriptSession session = environment.StartSession();
        bool isIdle;
        using (JupyterKernel kernel = new JupyterKernel(connection, session, display, new KernelOptions { Log = context.Terminal.Warn }))
        using (new ConsoleCapture(display))
        using (CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            _ = kernel.WarmUpAsync(ended.Token);
            _ = ParentWatch.WaitAsync(ended.Token)
                .ContinueWith(_ => ended.Cancel(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            isIdle = await kernel.RunAsync(ended.Token).ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
        }

        NetMQConfig.Cleanup(block: true);
        if (!isIdle)
        {
            ProcessEnd.Now(0); // A cell that cannot be stopped still uses the session: nothing may be disposed under it.
        }

        session.Dispose();
        await environment.Globals.DisposeAsync().ConfigureAwait(false);
        return 0;
    }
}
