using System.Text.Json;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Host.Tests.Plugins;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Training;

[Collection(WholeProcess.Name)]
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class MethodTrainerTests : IDisposable
{
    private static readonly string _questions = Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl");
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-train").FullName;
    private readonly OpenedModel _opened = new(Repository.Path("scripts", "models", "tiny-llava"));

    public void Dispose()
    {
        _opened.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_run_stopped_and_continued_ends_where_an_unbroken_one_does()
    {
        const string Options = """{ "Steps": 4, "BatchSize": 3, "Rate": 0.001 }""";
        Train("whole", Options, CancellationToken.None);
        using (CancellationTokenSource stop = new())
        {
            Assert.Throws<OperationCanceledException>(() => Train("broken", Options, stop.Token, new StopAt(stop, 2)));
        }

        Assert.False(File.Exists(Path.Combine(_root, "broken", "model.safetensors")));
        Train("broken", Options, CancellationToken.None);

        Assert.Equal(
            File.ReadAllBytes(Path.Combine(_root, "whole", "model.safetensors")), File.ReadAllBytes(Path.Combine(_root, "broken", "model.safetensors")));
        Assert.NotEqual(
            File.ReadAllBytes(Path.Combine(_opened.Model.Folder, "model.safetensors")), File.ReadAllBytes(Path.Combine(_root, "whole", "model.safetensors")));
    }

    [Fact]
    public void The_written_checkpoint_opens_and_its_loss_on_the_samples_is_lower()
    {
        TrainingExample[] few = [.. TrainingFile.Read(_questions).Take(4)];
        double before = Loss(_opened.Model, few);

        Train("few", """{ "Steps": 12, "BatchSize": 4, "Rate": 0.001, "WarmUp": 0 }""", CancellationToken.None, examples: few);

        using OpenedModel trained = new(Path.Combine(_root, "few"));
        double after = Loss(trained.Model, few);
        Assert.True(after < before / 2, $"{before} -> {after}");
        Assert.Empty(trained.Model.Unclaimed);
    }

    [Fact]
    public void A_folder_of_another_run_is_refused()
    {
        Train("one", """{ "Steps": 1, "BatchSize": 2 }""", CancellationToken.None);

        ApertureException error = Assert.Throws<ApertureException>(() => Train("one", """{ "Steps": 2, "BatchSize": 2 }""", CancellationToken.None));

        Assert.Contains("belongs to another run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_model_itself_is_not_written_over()
    {
        ApertureException error = Assert.Throws<ApertureException>(
            () => new TrainingModel(_opened.Model, [.. TrainingFile.Read(_questions).Take(1)], _opened.Model.Folder)
                .SaveCheckpoint(new Dictionary<string, Tensor>()));

        Assert.Contains("another --output", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_of_ragged_samples_gives_the_mean_of_its_samples()
    {
        TrainingExample[] few = [.. TrainingFile.Read(_questions).Take(3)];
        using TrainingModel model = new(_opened.Model, few, _root);
        using IDisposable quiet = no_grad();

        (double sum, long count) = (0, 0);
        for (int sample = 0; sample < 3; sample++)
        {
            (double loss, long tokens) = LossOf(model, [sample]);
            (sum, count) = (sum + (loss * tokens), count + tokens);
        }

        Assert.Equal(sum / count, LossOf(model, [0, 1, 2]).Loss, 5);
    }

    [Fact]
    public void A_fork_drops_rows_that_the_other_keeps()
    {
        TrainingExample[] few = [.. TrainingFile.Read(_questions).Take(2)];
        using TrainingModel model = new(_opened.Model, few, _root);
        using IDisposable quiet = no_grad();
        using TrainingBatch batch = model.Batch([0, 1], CancellationToken.None);
        using IDecoderRun whole = batch.Begin([]), plain = batch.Begin([]);
        whole.RunTo(3, CancellationToken.None);
        using (IDecoderRun fork = whole.Fork())
        {
            fork.Keep(
                new RowSelection(
                    [
                        .. Enumerable.Range(0, 2).Select(
                            sample => (int[]?)[.. Enumerable.Range(0, fork.Layout(sample).Count).Except(fork.Layout(sample).VisualRows())]),
                    ]));
            fork.RunTo(8, CancellationToken.None);
            Assert.Empty(fork.Layout(0).VisualRows());
            Assert.Equal(fork.Offsets[^1], (int)fork.Labels.size(0));
        }

        whole.RunTo(8, CancellationToken.None);
        plain.RunTo(8, CancellationToken.None);
        Assert.Equal(plain.Hidden.data<float>().ToArray(), whole.Hidden.data<float>().ToArray());
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        TrainingExample[] few = [.. TrainingFile.Read(_questions).Take(4)];
        Train("warm", """{ "Steps": 2, "BatchSize": 2 }""", CancellationToken.None, examples: few);

        LiveTensors.MustNotGrow(() => Train("counted", """{ "Steps": 2, "BatchSize": 2 }""", CancellationToken.None, examples: few));
    }

    private static double Loss(Model model, TrainingExample[] examples)
    {
        using TrainingModel training = new(model, examples, model.Folder);
        using IDisposable quiet = no_grad();
        return LossOf(training, [.. Enumerable.Range(0, examples.Length)]).Loss;
    }

    private static (double Loss, long Tokens) LossOf(TrainingModel model, int[] samples)
    {
        using DisposeScope scope = NewDisposeScope();
        using TrainingBatch batch = model.Batch(samples, CancellationToken.None);
        using IDecoderRun run = batch.Begin([]);
        run.RunTo(model.Decoder.Layers, CancellationToken.None);
        return (run.NextTokenLoss().item<float>(), run.Predictions().Targets.size(0));
    }

    [Fact]
    public void A_second_training_in_the_folder_is_refused_while_one_runs()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, "held", MethodTrainer.RunFolder)).FullName;
        using (Aperture.Files.FolderLock.Take(folder, "another training"))
        {
            string message = Assert.Throws<ApertureException>(() => Train("held", "{\"Steps\": 1}", CancellationToken.None)).Message;
            Assert.Equal($"Another training is running in '{folder}'; wait for its end, or give another folder.", message);
        }

        Assert.Empty(Directory.GetFiles(folder));
    }

    private void Train(
        string folder, string options, CancellationToken cancellationToken, IProgress<TrainingProgress>? progress = null,
        IReadOnlyList<TrainingExample>? examples = null)
    {
        using JsonDocument json = JsonDocument.Parse(options);
        using TrainingModel model = new(_opened.Model, examples ?? [.. TrainingFile.Read(_questions).Take(12)], Path.Combine(_root, folder));
        MethodTrainer.Run(DenseTraining.Name, new DenseTraining(), json.RootElement, model, new TrainingPace { ReportEvery = 1 }, progress, cancellationToken);
    }

    private sealed class StopAt(CancellationTokenSource stop, int step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == step)
            {
                stop.Cancel();
            }
        }
    }
}
