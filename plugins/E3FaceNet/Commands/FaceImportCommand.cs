using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary><c>aperture face-import</c>: writes the smoothed generator of a training pickle as safetensors, under its published names.</summary>
internal sealed class FaceImportCommand : IPluginCommand
{
    public const string Verb = "face-import";

    public string Name => Verb;

    public string Summary => "Write the generator of an E3-FaceNet training pickle as safetensors.";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("checkpoint", "Training pickle (.pkl) of E3-FaceNet.") { Required = true, ValueName = "file" },
        new("output", "The safetensors file to write.") { Required = true, ValueName = "file" },
    ];

    public IReadOnlyList<CommandParameter> Options => [];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        string output = context.Text("output")!;
        using FaceCheckpoint checkpoint = FaceCheckpoint.Open(context.Text("checkpoint")!);
        IWeightSource source = checkpoint.Generator;
        FaceConfig config = FaceConfig.Read(source); // what is no generator is refused before anything is written
        TensorLayout[] layout = [.. source.Names.Select(name => new TensorLayout(name, source.Describe(name).ScalarType, source.Describe(name).Shape))];
        using SafetensorsWriter writer = SafetensorsWriter.Create(output, layout);
        int done = 0;
        foreach (string name in source.Names)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tensor tensor = source.Load(name);
            writer.Write(name, tensor);
            context.Progress("tensors", ++done, layout.Length);
        }

        writer.Complete();
        context.WriteLine($"{output}: {layout.Length} tensors, faces of {config.Picture} pixels");
        return Task.FromResult(0);
    }
}
