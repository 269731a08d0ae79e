using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>
/// A task's loss on a METER under a plan of skipped attention, and what is trained for it: adapters, poolers, token types, the classifier token and the task's
/// head; both encoders and the cross-modal layers' own matrices stay. Owns model and checkpoint.
/// </summary>
internal sealed class MeterObjective : IDisposable
{
    private const double MatchingWeight = 0.5;

    private readonly IReadOnlyList<TaskSample> _samples;
    private readonly MeterTrainingOptions _options;
    private readonly IWeightSource _source;
    private readonly MeterModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly TorchvisionProcessor _processor;
    private readonly int _textLength;

    /// <summary>Prepares model and samples.</summary>
    /// <param name="source">The checkpoint; owned once the constructor returns.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds tokenizer and labels.</param>
    public MeterObjective(IWeightSource source, IReadOnlyList<TaskSample> samples, MeterTrainingOptions options, Device device, IMethodFiles files)
    {
        (_samples, _options) = (samples, options);
        Task = MeterTask.Find(options.Task);
        Labels = MeterLabels.Of(Task, options.Labels is { } list ? files.Resolve(list) : null, samples);
        Plan = options.Plan(MeterFactory.ClassifierName, Task.Plan, Task.Epochs, samples.Count);
        _tokenizer = Tokenizers.FromFolder(options.Tokenizer is { } name ? files.Resolve(name) : files.ModelFolder ?? ".");
        TensorWeights fresh = MeterStart.Create(
            source, MeterConfig.Read(source, options.Heads, options.VisionHeads), Task, Labels.Names.Length, options, Plan.Seed);
        try
        {
            CombinedWeights whole = new([source, fresh], ownsSources: false);
            MeterConfig config = MeterConfig.Read(whole, options.Heads, options.VisionHeads);
            MeterFactory.CheckTokenizer(_tokenizer, config);
            _textLength = Math.Min(options.TextLength ?? Task.TextLength, config.Text.LongestText);
            _processor = new TorchvisionProcessor(new TorchvisionProcessorConfig { Size = config.Vision.ImageSize });
            _model = MeterModel.Load(whole, config, WeightPolicy.For(device, ScalarType.Float32, ScalarType.Float32), trainable: true);
        }
        catch
        {
            fresh.Dispose();
            throw;
        }

        _source = new CombinedWeights([source, fresh]);
        Parameters = _model.Trained.Where(pair => !IsOtherHead(pair.Name))
            .ToDictionary(pair => pair.Name, pair => pair.Tensor.requires_grad_(true), StringComparer.Ordinal);
    }

    public MeterTask Task { get; }

    public MeterLabels Labels { get; }

    public TrainingPlan Plan { get; }

    /// <summary>Cross-modal layers of each stream.</summary>
    public int Layers => _model.Config.Layers;

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Factor on a parameter's learning rate.</summary>
    public double RateScale(string name)
        => name.StartsWith(Task.Head, StringComparison.Ordinal) && Task.Labels is not [] ? _options.HeadRate ?? Task.HeadRate
            : name.Contains("cross_modal", StringComparison.Ordinal) ? _options.CrossModalRate
            : 1;

    /// <summary>The loss of some samples and the share of right answers. What it draws depends on the plan's seed and the stream alone.</summary>
    /// <param name="samples">Which samples.</param>
    /// <param name="plan">What is skipped.</param>
    /// <param name="stream">Tells draws apart: the step, or a number of the caller's own below 0.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>A scalar in the caller's dispose scope.</returns>
    public (Tensor Loss, double Score) Run(IReadOnlyList<int> samples, MeterPlan plan, long stream, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(unchecked((Plan.Seed * 1_000_003) + stream));
        using Generator generator = new(unchecked((ulong)((Plan.Seed * 7_368_787) + stream)), CPU);
        MeterDropout? dropout = _options.Dropout > 0 ? new MeterDropout(_options.Dropout, new SeededDropout(_options.Dropout, generator)) : null;
        (Tensor loss, double score) = Task.Labels is []
            ? Retrieval(samples, plan, dropout, Random(stream), cancellationToken)
            : Classification(samples, plan, dropout, cancellationToken);
        return (loss.MoveToOuterDisposeScope(), score);
    }

    /// <summary>Samples drawn at random, without repetition.</summary>
    /// <param name="count">How many, at most all.</param>
    /// <param name="stream">Tells draws apart.</param>
    public int[] Draw(int count, long stream)
    {
        int[] all = [.. Enumerable.Range(0, _samples.Count)];
        Random(stream).Shuffle(all);
        return [.. all.Take(count)];
    }

    public void Dispose()
    {
        _model.Dispose();
        _source.Dispose();
    }

    private Random Random(long stream) => new(unchecked((int)((Plan.Seed * 15_485_863) + stream)));

    private bool IsOtherHead(string name) => MeterTask.All.Any(task => task != Task && name.StartsWith(task.Head, StringComparison.Ordinal));

    private (Tensor Loss, double Score) Classification(IReadOnlyList<int> samples, MeterPlan plan, MeterDropout? dropout, CancellationToken cancellationToken)
    {
        TaskSample[] batch = [.. samples.Select(index => _samples[index])];
        (Tensor text, Tensor mask) = EncodeTexts([.. batch.Select(sample => sample.Text)], dropout, cancellationToken);
        Tensor[] pooled =
        [
            .. Enumerable.Range(0, Task.Pictures).Select(
                picture
                    => _model.Fuse(
                        text, mask, EncodePictures([.. batch.Select(sample => sample.Pictures[picture])], cancellationToken), plan, picture + 1, dropout,
                        cancellationToken: cancellationToken).Pooled),
        ];
        MeterHeads heads = _model.Heads;
        MeterHeads.Head head = Task.Name switch { "vqa" => heads.Vqa!, "nlvr2" => heads.Nlvr2!, _ => heads.Snli! };
        Tensor logits = head.Run(pooled.Length == 1 ? pooled[0] : cat(pooled, -1)); // [B, labels]
        if (Task.Labels is null)
        {
            Tensor targets = _model.ToDevice(tensor(batch.SelectMany(Labels.Scores).ToArray(), [batch.Length, Labels.Names.Length]));
            return (MeterLosses.Vqa(logits, targets), targets.gather(1, logits.detach().argmax(1, keepdim: true)).mean().item<float>());
        }

        Tensor labels = _model.ToDevice(tensor([.. batch.Select(sample => (long)Labels.Best(sample))], [batch.Length]));
        return (MeterLosses.Classification(logits, labels), logits.detach().argmax(1).eq(labels).to_type(ScalarType.Float32).mean().item<float>());
    }

    // Half the weight of matching, where each caption meets its own picture or another one's, and of telling a picture's caption from others.
    private (Tensor Loss, double Score) Retrieval(
        IReadOnlyList<int> samples, MeterPlan plan, MeterDropout? dropout, Random random, CancellationToken cancellationToken)
    {
        int others = Math.Min(_options.Negatives, _samples.Count - 1);
        if (others < 1)
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: retrieval is trained by telling captions apart; give two samples or more.");
        }

        Tensor images = EncodePictures([.. samples.Select(index => _samples[index].Pictures[0])], cancellationToken); // [B, M, d]
        int[] captions = [.. samples.SelectMany(index => Others(index, others, random).Prepend(index))];
        (Tensor text, Tensor mask) = EncodeTexts([.. captions.Select(index => _samples[index].Text)], dropout, cancellationToken);
        Tensor repeated = images.repeat_interleave(1 + others, dim: 0);
        Tensor scores = _model.Heads.Rank(_model.Fuse(text, mask, repeated, plan, training: dropout, cancellationToken: cancellationToken).Pooled)
            .view(samples.Count, 1 + others);

        bool[] fits = [.. samples.Select((_, place) => place < samples.Count / 2)];
        random.Shuffle(fits);
        Tensor met = EncodePictures(
            [.. samples.Select((index, place) => _samples[fits[place] ? index : Others(index, 1, random)[0]].Pictures[0])], cancellationToken);
        Tensor own = tensor([.. Enumerable.Range(0, samples.Count).Select(place => (long)place * (1 + others))], [samples.Count]);
        own = _model.ToDevice(own);
        Tensor matching = _model.Heads.Match(
            _model.Fuse(text.index_select(0, own), mask.index_select(0, own), met, plan, training: dropout, cancellationToken: cancellationToken).Pooled);
        Tensor labels = _model.ToDevice(tensor([.. fits.Select(fit => fit ? 1L : 0L)], [samples.Count]));
        return (
            MeterLosses.Retrieval(scores).add(MeterLosses.Classification(matching, labels).mul(MatchingWeight)),
            scores.detach().argmax(1).eq(0).to_type(ScalarType.Float32).mean().item<float>());
    }

    // Distinct samples, not this one.
    private int[] Others(int index, int count, Random random)
    {
        HashSet<int> drawn = [];
        while (drawn.Count < count)
        {
            int other = random.Next(_samples.Count - 1);
            drawn.Add(other < index ? other : other + 1);
        }

        return [.. drawn];
    }

    private (Tensor Text, Tensor Mask) EncodeTexts(string[] texts, MeterDropout? dropout, CancellationToken cancellationToken)
    {
        using IDisposable frozen = no_grad();
        (Tensor ids, Tensor mask) = EncoderText.Batch([.. texts.Select(text => EncoderText.Encode(_tokenizer, text, _textLength))]);
        mask = _model.ToDevice(mask);
        return (_model.EncodeText(_model.ToDevice(ids), mask, dropout: dropout?.Rate ?? 0, cancellationToken: cancellationToken), mask);
    }

    private Tensor EncodePictures(string[] paths, CancellationToken cancellationToken)
    {
        using IDisposable frozen = no_grad();
        Tensor pixels = stack([.. paths.Select(path => _processor.Process(Image.Load(path).ConvertToRgb()))]);
        return _model.EncodeImage(_model.ToDevice(pixels), cancellationToken);
    }
}
