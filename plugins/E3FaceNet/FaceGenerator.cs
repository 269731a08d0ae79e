using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Meshes;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>Makes faces. Owns its models.</summary>
/// <param name="model">The generator.</param>
/// <param name="text">The text encoder; null in a generator without text.</param>
/// <param name="options">Options.</param>
/// <param name="owned">What is disposed with it, the last first.</param>
internal sealed class FaceGenerator(FaceModel model, FaceText? text, FaceOptions options, IReadOnlyList<IDisposable> owned) : IFaceGenerator
{
    private const int ShownNames = 3;

    public string Name => FaceFactory.GeneratorName;

    public string Summary
        => $"{model.Tensors.Values.Sum(tensor => tensor.numel()) / 1e6:0.0} M weights for faces of {model.Config.Picture} pixels from a map of "
            + $"{model.Config.Volume}x{model.Config.Volume} rays; {(text is null ? "without text" : $"sentences of {text.Longest} tokens")}"
            + $"{(model.Growth.IsUntold ? ", never trained" : "")}"
            + (model.Unused.Count == 0 ? "." : $"; {model.Unused.Count} tensors are not used, such as {string.Join(", ", model.Unused.Take(ShownNames))}.");

    public FaceModel Model => model;

    public IReadOnlyList<FaceView> Generate(FaceRequest request, TaskRun run)
    {
        FacePlan plan = FacePlan.Of(request, text, options);
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        run.Enter("text");
        int pictures = plan.Views.Count * (plan.EditText is null ? 1 : 2);
        if (plan.Notice is { } notice)
        {
            run.Progress?.Report(new TaskProgress(notice, 0, pictures));
        }

        bool ownBackground = plan.EditText is not null && !options.ShareBackground;
        FaceInputs noise = FaceInputs.Draw(plan.Seed, model.Config, options.Temperature, ownBackground, model.Device);
        (Tensor? pooled, Tensor? tokens) = Encode(plan.Text, run);
        using FaceInputs inputs = noise with { Pooled = pooled, Tokens = tokens, EditTokens = Encode(plan.EditText, run).Tokens };
        FacePictures[] views = [.. new FaceRendering(model, options, run) { Pictures = pictures }.Run(inputs, plan)];
        return [.. plan.Views.Zip(views, (view, shown) => new FaceView(view, shown.Picture, shown.Edited))];
    }

    /// <summary>Raw density of a face around the centre of the head.</summary>
    /// <param name="request">The face; its view points do not matter.</param>
    /// <param name="side">Points along an edge of the cube.</param>
    /// <param name="progress">Told how many of how many points are done; null for nobody.</param>
    /// <param name="cancellationToken">Checked between slices.</param>
    public DensityGrid Density(FaceRequest request, int side, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        FacePlan plan = FacePlan.Of(request, text, options);
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (Tensor? pooled, _) = Encode(plan.Text, new TaskRun { Cancellation = cancellationToken });
        Tensor noise = FaceNoise.Face(plan.Seed, model.Config.Noise).to(model.Device);
        using FieldKernels kernels = model.Modulate(model.Styles(noise, pooled, plan.Truncation, options.TruncationCutoff));
        return DensityGrid.Of(model.Face, kernels, model.Config, side, model.Device, progress, cancellationToken);
    }

    public void Dispose()
    {
        for (int part = owned.Count - 1; part >= 0; part--)
        {
            owned[part].Dispose();
        }
    }

    private (Tensor? Pooled, Tensor? Tokens) Encode(string? sentence, TaskRun run)
        => sentence is null || text is null ? (null, null) : text.Encode(sentence, run.Cancellation);
}
