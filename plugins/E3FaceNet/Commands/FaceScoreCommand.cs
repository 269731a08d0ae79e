using Aperture.Files;
using Aperture.Plugins.E3FaceNet.Metrics;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Commands;

/// <summary><c>aperture face-score</c>: compares the features of made pictures with those of real ones.</summary>
internal sealed class FaceScoreCommand : IPluginCommand
{
    public const string Verb = "face-score";

    public string Name => Verb;

    public string Summary => "FID, precision and recall of two sets of features (FID proper where they are Inception's).";

    public IReadOnlyList<CommandParameter> Arguments { get; } =
    [
        new("real", "Features of real pictures: a .npy file, [pictures, channels].") { Required = true, ValueName = "file" },
        new("made", "Features of made pictures, of as many channels.") { Required = true, ValueName = "file" },
    ];

    public IReadOnlyList<CommandParameter> Options { get; } =
    [
        new("neighbour", "The neighbour to which a feature's surroundings reach.") { Type = CommandValue.Integer, Default = $"{FeatureManifold.Neighbour}" },
    ];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int neighbour = context.Integer("neighbour") ?? FeatureManifold.Neighbour;
        using Tensor real = Read(context.Text("real")!), made = Read(context.Text("made")!);
        if (real.size(1) != made.size(1))
        {
            throw new ApertureException($"{Verb}: features have {real.size(1)} and {made.size(1)} channels; make both with the same network.");
        }

        if (neighbour < 1 || neighbour >= Math.Min(real.size(0), made.size(0)))
        {
            long most = Math.Min(real.size(0), made.size(0)) - 1;
            throw new ApertureException($"{Verb}: --neighbour is {neighbour}; give 1 to {most}, less than there are pictures.");
        }

        using FeatureStatistics expected = FeatureStatistics.Of(real), actual = FeatureStatistics.Of(made);
        context.Show(new CommandTable(
            ["real", "made", "FID", "precision", "recall"],
            [
                [
                    $"{real.size(0)}", $"{made.size(0)}", $"{FeatureStatistics.Distance(actual, expected):0.0000}",
                    $"{FeatureManifold.Share(real, made, neighbour):0.0000}", $"{FeatureManifold.Share(made, real, neighbour):0.0000}",
                ],
            ]));
        return Task.FromResult(0);
    }

    private static Tensor Read(string path)
    {
        NumpyArray array = NumpyFile.Read(path);
        return array.Shape is [> 0, > 0]
            ? tensor(array.ToSingles(), [.. array.Shape])
            : throw new ApertureException($"{Verb}: '{path}' holds an array of {array.Shape.Count} dimensions; give features as [pictures, channels].");
    }
}
