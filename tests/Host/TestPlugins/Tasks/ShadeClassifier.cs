using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

/// <summary>Owns its weight. A text does not change the scores; each is scored on its own, with a report before it.</summary>
internal sealed class ShadeClassifier(string name, Tensor scale, float sharpness) : IClassifier
{
    private const int Grid = 4;

    public string Name => name;

    public string Summary => $"brightness, sharpness {sharpness}";

    public IReadOnlyList<ClassifierTask> Tasks { get; } = [new("brightness", 1, 2, 2, "Any text; whether the picture is dark or bright.")];

    public IReadOnlyList<IReadOnlyList<LabelScore>> Classify(string task, IReadOnlyList<Picture> pictures, IReadOnlyList<string> texts, TaskRun run)
    {
        if (task != Tasks[0].Name || pictures.Count != 1)
        {
            throw new ApertureException($"{name}: there is brightness of 1 picture, not {task} of {pictures.Count}.");
        }

        using DisposeScope scope = NewDisposeScope();
        run.Enter("vision");
        Tensor mean = Mean(pictures[0]); // []
        run.Value("mean", mean);
        if (run.Wants("histogram"))
        {
            run.Value("histogram", histc(mean.unsqueeze(0), Grid, 0, 1)); // [1] -> [Grid]
        }

        List<IReadOnlyList<LabelScore>> scores = [];
        foreach (string text in texts)
        {
            run.Progress?.Report(new TaskProgress(text, scores.Count, texts.Count) { Picture = run.WantsPreviews ? pictures[0] : null });
            run.Enter("score");
            double bright = scale.mul(mean.sub(0.5)).mul(sharpness).sigmoid().item<float>();
            run.Count("regression", Tasks[0].Flops);
            scores.Add(bright > 0.5 ? [new("bright", bright), new("dark", 1 - bright)] : [new("dark", 1 - bright), new("bright", bright)]);
        }

        return scores;
    }

    public void Dispose() => scale.Dispose();

    /// <summary>The mean of all bytes, from 0 to 1.</summary>
    internal static Tensor Mean(Picture picture) => tensor(picture.Rgb.ToArray()).to(ScalarType.Float32).mean().div(255);
}
