using Aperture.Data;
using Aperture.Decoding;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Sampling;

/// <summary>A model and a question file, as methods are fitted on them and commands of plugins look into them. Pictures are seen once.</summary>
public sealed class SampledModel : ISampledModel, IDisposable
{
    private readonly Model _model;
    private readonly IReadOnlyList<QuestionItem> _items;
    private readonly SeenPictures _pictures;

    /// <summary>Samples for a model.</summary>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="items">The questions; each needs a picture.</param>
    /// <param name="outputFolder">Where fitted files go; null for the model's folder.</param>
    /// <param name="pipelines">Pipelines over the model; borrowed. Null for none.</param>
    /// <exception cref="ApertureException">There are no questions, one has no picture, or the model is not whole without a method of its own.</exception>
    public SampledModel(Model model, IReadOnlyList<QuestionItem> items, string? outputFolder = null, IReadOnlyList<Pipeline>? pipelines = null)
    {
        if (items.Count == 0)
        {
            throw new ApertureException("There are no samples to work on; give a question file with at least one line.");
        }

        if (items.FirstOrDefault(item => item.Image is null) is { } without)
        {
            throw new ApertureException($"Question '{without.Id}' has no picture; what looks at visual tokens needs one in every line.");
        }

        if (model.OwnMethod is { } own)
        {
            throw new ApertureException($"{model.Name} is not whole without its own method {own.Name}; this works on models that are, such as a LLaVA.");
        }

        _model = model;
        _items = items;
        OutputFolder = outputFolder ?? model.Folder;
        Pipelines = [.. (pipelines ?? []).Select(pipeline => new SampledPipeline(pipeline, items))];
        _pictures = new SeenPictures((image, token) => new RequestRun(model, null).See([image], token));
    }

    /// <inheritdoc />
    public DecoderInfo Decoder => _model.Decoder.Info;

    /// <inheritdoc />
    public MeasuredOn MeasuredOn => MeasuredOn.Of(_model.Ops);

    /// <inheritdoc />
    public IReadOnlyList<ISampledPipeline> Pipelines { get; }

    /// <inheritdoc />
    public int Samples => _items.Count;

    /// <inheritdoc />
    public string OutputFolder { get; }

    /// <inheritdoc />
    public string SampleId(int sample) => _items[sample].Id;

    /// <inheritdoc />
    public SampledQuestion Question(int sample) => new(_items[sample].Id, _items[sample].Question, _items[sample].Answer, _items[sample].Type);

    /// <inheritdoc />
    public void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken) => RunPrefill(sample, [reducer], null, cancellationToken);

    /// <inheritdoc />
    public void RunPrefill(int sample, IReadOnlyList<IDecoderMethod> methods, IDecoderTrace? trace, CancellationToken cancellationToken)
        => Use(
            sample,
            methods,
            (run, asked, token) =>
            {
                using EnteredRequest entered = run.Enter([asked], trace, 0, token);
                using ForwardState state = _model.Decoder.Begin(entered.Request, DecoderPhase.Prefill, entered.Layouts);
                _model.Decoder.Run(state, entered.TakeRows(), token).Dispose();
                return true;
            },
            cancellationToken);

    /// <inheritdoc />
    public int[] Answer(int sample, IReadOnlyList<IDecoderMethod> methods, int maxNewTokens, CancellationToken cancellationToken)
        => Use(
            sample,
            methods,
            (run, asked, token) => run.Run([asked], new GenerationOptions { MaxNewTokens = maxNewTokens }, null, null, token).Sequences[0].Tokens,
            cancellationToken);

    /// <inheritdoc />
    public string Text(IReadOnlyList<int> tokens) => _model.RequireTokenizer().Decode(tokens).Trim();

    /// <inheritdoc />
    public T Forced<T>(int sample, IReadOnlyList<int> answer, Func<IDecoderRun, T> use, CancellationToken cancellationToken)
        => Use(
            sample,
            [],
            (run, asked, token) =>
            {
                EnteredRequest entered = run.Enter([asked], null, null, token, [[.. answer.Take(Math.Max(0, answer.Count - 1))]]);
                using DecoderRun forward = DecoderRun.Begin(_model.Decoder, entered);
                return use(forward);
            },
            cancellationToken);

    /// <summary>Disposes what was seen.</summary>
    public void Dispose() => _pictures.Dispose();

    private T Use<T>(
        int sample, IReadOnlyList<IDecoderMethod> methods, Func<RequestRun, PromptRequest, CancellationToken, T> work, CancellationToken cancellationToken)
        => _model.Use(
            token =>
            {
                using IDisposable mode = inference_mode();
                HookTable? table = methods.Count == 0 ? null : HookTableBuilder.Build(Decoder, methods);
                return work(new RequestRun(_model, table), Asked(sample, table, token), token);
            },
            cancellationToken);

    // A method that acts inside the encoder sees for itself.
    private PromptRequest Asked(int sample, HookTable? table, CancellationToken cancellationToken)
        => table?.Vision is null
            ? PromptRequest.Of(_items[sample].Question, _pictures.Load(_items[sample].Image!, cancellationToken))
            : PromptRequest.Of(_items[sample].Question, [Images.Image.Load(_items[sample].Image!)]);
}
