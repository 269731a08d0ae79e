using System.Text;
using System.Text.Json;
using Aperture.Files;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Meshes;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary><c>aperture face-mesh</c>: writes a face's surface as a mesh.</summary>
internal sealed class FaceMeshCommand : IPluginCommand
{
    public const string Verb = "face-mesh";

    private const int LeastSide = 2, MostSide = 512;

    public string Name => Verb;

    public string Summary => "Write the surface of the face that a sentence describes as a Wavefront mesh.";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("checkpoint", "E3-FaceNet's training pickle, or its generator's tensors.") { Required = true },
        new("sentence", "The sentence.") { Required = true },
        new("output", "The mesh to write (.obj).") { Required = true, ValueName = "file" },
    ];

    public IReadOnlyList<CommandParameter> Options { get; } =
    [
        new("options", "Options of the generator as a JSON object.") { Default = "{}", ValueName = "json" },
        new("resolution", $"Points along an edge of the cube that is looked at, {LeastSide} to {MostSide}.") { Type = CommandValue.Integer, Default = "128" },
        new("threshold", "Density on the surface.") { Type = CommandValue.Number, Default = "30" },
        new("truncation", "How far the face may lie from the mean one, 0 to 1.5.") { Type = CommandValue.Number, Default = "0.7" },
        new("seed", "Seed, 0 to 4294967295.") { Default = "42" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int side = context.Integer("resolution") ?? 0;
        double threshold = context.Number("threshold") ?? double.NaN;
        Require(side is >= LeastSide and <= MostSide, $"--resolution is {side}; give {LeastSide} to {MostSide}.");
        Require(double.IsFinite(threshold), $"--threshold is {threshold}; give a density.");
        Require(long.TryParse(context.Text("seed"), out long seed), $"--seed {context.Text("seed")} is no whole number; give 0 to {uint.MaxValue}.");
        string checkpoint = context.Text("checkpoint")!, output = context.Text("output")!;
        using FaceGenerator generator = (FaceGenerator)new FaceFactory().Open(
            Path.GetFullPath(checkpoint), Parse(context.Text("options")!), context.Device, new FaceFiles(Verb, checkpoint));
        DensityGrid grid = generator.Density(
            new() { Text = context.Text("sentence")!, Seed = seed, Truncation = context.Number("truncation") }, side,
            (done, all) => context.Progress("points", done, all), cancellationToken);
        FaceMesh mesh = MarchingCubes.Run(grid, threshold);
        Require(
            mesh.Triangles.Count > 0,
            $"no surface has a density of {threshold}; give one from {grid.Values.Min():0.##} to {grid.Values.Max():0.##} as --threshold.");
        AtomicFile.Write(output, Encoding.ASCII.GetBytes(mesh.ToObj()));
        context.WriteLine($"{output}: {mesh.Vertices.Count} vertices, {mesh.Triangles.Count} triangles");
        return Task.FromResult(0);
    }

    private static JsonElement Parse(string options)
    {
        try
        {
            return JsonElement.Parse(options);
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{Verb}: --options {options} is no JSON object; write one such as {{\"Clip\": \"clip-vit-base-patch32\"}}.", error);
        }
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ApertureException($"{Verb}: {message}");
        }
    }
}
