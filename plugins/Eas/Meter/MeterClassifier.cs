using Aperture.Images;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>A METER with its tokenizer, its preprocessing and the tasks that its heads allow. Owns the model and its checkpoint.</summary>
internal sealed class MeterClassifier : IClassifier
{
    private const int QuestionLength = 50, CaptionLength = 40;

    private readonly MeterModel _model;
    private readonly MeterPlan _plan;
    private readonly MeterOptions _options;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly ITokenizer _tokenizer;
    private readonly TorchvisionProcessor _processor;
    private readonly Dictionary<string, Head> _heads = [];

    /// <summary>A classifier over a loaded model.</summary>
    /// <param name="model">The model; owned once the constructor returns.</param>
    /// <param name="plan">What is skipped.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="files">Finds tokenizer and answers.</param>
    /// <param name="owned">What the model stands on, such as the checkpoint that its memory may be; owned once the constructor returns.</param>
    /// <exception cref="ApertureException">The tokenizer or the answers do not belong to the checkpoint, or the checkpoint has no head.</exception>
    public MeterClassifier(MeterModel model, MeterPlan plan, MeterOptions options, IMethodFiles files, IReadOnlyList<IDisposable> owned)
    {
        (_model, _plan, _options, _owned) = (model, plan, options, owned);
        _tokenizer = Tokenizers.FromFolder(options.Tokenizer is { } name ? files.Resolve(name) : files.ModelFolder ?? ".");
        MeterFactory.CheckTokenizer(_tokenizer, model.Config);
        _processor = new TorchvisionProcessor(new TorchvisionProcessorConfig { Size = model.Config.Vision.ImageSize });
        AddHeads(files);
        if (_heads.Count == 0)
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: this checkpoint has no head for a task (vqa_classifier, nlvr2_classifier, snli_classifier, rank_output or "
                + "itm_score); give a fine-tuned or pre-trained one.");
        }

        Tasks =
        [
            .. _heads.Select(
                pair => new ClassifierTask(pair.Key, pair.Value.Pictures, pair.Value.Labels.Length, Flops(pair.Key, pair.Value), pair.Value.Summary)),
        ];
    }

    public string Name => MeterFactory.ClassifierName;

    public string Summary
        => $"METER of width {_model.Config.Width}, {_model.Config.Layers} cross-modal layers, {(_model.Config.Adapted ? "with" : "without")} EAS's adapters; "
            + $"{string.Join(", ", _heads.Keys)}.";

    public IReadOnlyList<ClassifierTask> Tasks { get; }

    public IReadOnlyList<IReadOnlyList<LabelScore>> Classify(string task, IReadOnlyList<Picture> pictures, IReadOnlyList<string> texts, TaskRun run)
    {
        if (!_heads.TryGetValue(task, out Head? head))
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: this checkpoint has no head for '{task}'; it has {string.Join(", ", _heads.Keys)}.");
        }

        if (pictures.Count != head.Pictures)
        {
            throw new ApertureException($"{MeterFactory.ClassifierName}: {task} takes {head.Pictures} picture(s), not {pictures.Count}.");
        }

        ArgumentOutOfRangeException.ThrowIfZero(texts.Count);
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        (long textCost, long visionCost, long fusionCost) = Cost(task);
        run.Enter("text");
        (Tensor ids, Tensor mask) = EncoderText.Batch([.. texts.Select(text => EncoderText.Encode(_tokenizer, text, Length(task)))]);
        (ids, mask) = (_model.ToDevice(ids), _model.ToDevice(mask));
        Tensor encoded = _model.EncodeText(ids, mask, cancellationToken: run.Cancellation);
        run.Count("text encoder", texts.Count * textCost);
        run.Value("text", encoded);
        Tensor[] pooled = new Tensor[pictures.Count];
        for (int picture = 0; picture < pictures.Count; picture++)
        {
            run.Enter("vision");
            Tensor pixels = _processor.Process(Image.FromPicture(pictures[picture])).unsqueeze(0); // [3, S, S] -> [1, 3, S, S]
            run.Value($"pixels.{picture}", pixels);
            Tensor image = _model.EncodeImage(_model.ToDevice(pixels), run.Cancellation).expand(texts.Count, -1, -1); // [1, M, d] -> [texts, M, d]
            run.Count("vision encoder", visionCost);
            run.Enter("fusion");
            pooled[picture] = _model.Fuse(encoded, mask, image, _plan, imageType: picture + 1, cancellationToken: run.Cancellation).Pooled;
            run.Count("fusion", texts.Count * fusionCost);
            run.Value($"pooled.{picture}", pooled[picture]);
        }

        Tensor scores = head.Score(pooled.Length == 1 ? pooled[0] : cat(pooled, -1)); // [texts, labels]
        double[] values = scores.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        return [.. values.Chunk(head.Labels.Length).Select(row => Ranked(head.Labels, row))];
    }

    public void Dispose()
    {
        _model.Dispose();
        foreach (IDisposable own in _owned)
        {
            own.Dispose();
        }
    }

    private static LabelScore[] Ranked(string[] labels, double[] scores)
        => [.. labels.Zip(scores, (label, score) => new LabelScore(label, score)).OrderByDescending(entry => entry.Score)];

    private void AddHeads(IMethodFiles files)
    {
        MeterHeads heads = _model.Heads;
        if (heads.Vqa is { } vqa)
        {
            string[] answers = _options.Labels is { } list
                ? AnswerList.Read(files.Resolve(list), vqa.Labels)
                : [.. Enumerable.Range(0, vqa.Labels).Select(label => $"answer {label}")];
            _heads["vqa"] = new Head(1, answers, pooled => vqa.Run(pooled).sigmoid(), "A question; each answer's score is on its own.");
        }

        if (heads.Nlvr2 is { } nlvr2 && _model.Config.TokenTypes > 2)
        {
            _heads["nlvr2"] = new Head(2, ["false", "true"], pooled => nlvr2.Run(pooled).softmax(-1), "A sentence about two pictures, true or false.");
        }

        if (heads.Snli is { } snli)
        {
            _heads["snli"] = new Head(
                1, ["contradiction", "neutral", "entailment"], pooled
                    => snli.Run(pooled).softmax(-1), "A sentence that the picture contradicts, leaves open or entails.");
        }

        if (heads.CanRank)
        {
            _heads["retrieval"] = new Head(
                1, ["fits"], pooled
                    => heads.Rank(pooled).to(ScalarType.Float64).sigmoid().unsqueeze(-1),
                    "A caption; the score says how well it fits and ranks captions and pictures.");
        }

        if (heads.CanMatch)
        {
            _heads["match"] = new Head(1, ["no", "yes"], pooled => heads.Match(pooled).softmax(-1), "A caption that belongs to the picture or not.");
        }
    }

    private int Length(string task)
        => Math.Min(_options.TextLength ?? (task is "retrieval" or "match" ? CaptionLength : QuestionLength), _model.Config.Text.LongestText);

    private long Flops(string task, Head head)
    {
        (long text, long vision, long fusion) = Cost(task);
        return text + (head.Pictures * (vision + fusion));
    }

    private (long Text, long Vision, long Fusion) Cost(string task) => MeterFlops.Count(_model, _plan, Length(task), _model.Config.Vision.ImageSize);

    private sealed record Head(int Pictures, string[] Labels, Func<Tensor, Tensor> Score, string Summary);
}
