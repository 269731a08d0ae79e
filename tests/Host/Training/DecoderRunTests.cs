using Aperture.Decoding;
using Aperture.Host.Tests.Plugins;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Training;

[Collection(WholeProcess.Name)]
public sealed class DecoderRunTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-run").FullName;
    private readonly OpenedModel _opened = new(Repository.Path("scripts", "models", "tiny-llava"));

    public void Dispose()
    {
        _opened.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_forward_goes_on_after_scopes_around_parts_of_it()
    {
        using TrainingModel model = Model();
        float[] plain = Run(model, scoped: false);

        Assert.Equal(plain, Run(model, scoped: true));
        LiveTensors.MustNotGrow(() => Run(model, scoped: true));
    }

    private static float[] Run(TrainingModel model, bool scoped)
    {
        using IDisposable quiet = no_grad();
        using TrainingBatch batch = model.Batch([0, 1], CancellationToken.None);
        using IDecoderRun run = InScope(() => batch.Begin([]));
        InScope(() =>
        {
            run.RunTo(3, CancellationToken.None);
            return true;
        });
        using IDecoderRun fork = InScope(run.Fork);
        InScope(() =>
        {
            fork.Keep(new RowSelection([.. Enumerable.Range(0, 2).Select(sample => WithoutVisual(fork.Layout(sample)))]));
            fork.RunTo(5, CancellationToken.None);
            return true;
        });
        run.RunTo(model.Decoder.Layers, CancellationToken.None);
        fork.RunTo(model.Decoder.Layers, CancellationToken.None);
        using Tensor whole = run.NextTokenLoss(), left = fork.NextTokenLoss();
        return [whole.item<float>(), left.item<float>()];

        T InScope<T>(Func<T> act)
        {
            using DisposeScope? scope = scoped ? NewDisposeScope() : null;
            return act();
        }
    }

    private static int[] WithoutVisual(SequenceLayout layout) => [.. Enumerable.Range(0, layout.Count).Except(layout.VisualRows())];

    private TrainingModel Model()
    {
        string questions = Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl");
        return new TrainingModel(_opened.Model, [.. TrainingFile.Read(questions).Take(2)], _root);
    }
}
