using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Engine;

/// <summary>
/// A model that is asked about pictures, in the steps that a pipeline runs and hooks: encode, project, build the decoder's input. Owns everything it opened.
/// Its parts serve one thread at a time. Pipelines see to that; whoever calls the parts himself does it inside <see cref="Use"/>.
/// </summary>
public abstract class VisionLanguageModel : IDisposable
{
    private readonly List<IDisposable> _owned;
    private int _isDisposed;

    /// <summary>A model.</summary>
    /// <param name="owned">What it opened; disposed with it, what was opened last first.</param>
    protected VisionLanguageModel(List<IDisposable> owned) => _owned = owned;

    /// <summary>Name of the model, for tables and recipes.</summary>
    public required string Name { get; init; }

    /// <summary>The checkpoint's folder; empty without one.</summary>
    public required string Folder { get; init; }

    /// <summary>The decoder.</summary>
    public required Decoder Decoder { get; init; }

    /// <summary>The tokenizer; null for a folder that has none.</summary>
    public required ITokenizer? Tokenizer { get; init; }

    /// <summary>Generation settings of the checkpoint.</summary>
    public required GenerationOptions Generation { get; init; }

    /// <summary>Operations: device, element type, threads.</summary>
    public required Ops Ops { get; init; }

    /// <summary>The open checkpoint, for methods whose weights lie in it.</summary>
    public required IWeightSource Checkpoint { get; init; }

    /// <summary>Names in the checkpoint that nothing of the model loads.</summary>
    public required IReadOnlyList<string> Unclaimed { get; init; }

    /// <summary>Wall time of opening.</summary>
    public required TimeSpan LoadTime { get; init; }

    /// <summary>Where requests wait for their turn; a session's models share one.</summary>
    public RequestQueue Requests { get; internal set; } = new();

    /// <summary>The method that is part of the model and acts wherever the user does not configure it himself; null for a model that is whole without one.</summary>
    public virtual MethodUse? OwnMethod => null;

    /// <summary>How a picture becomes the square whose patches the visual tokens are; null where visual tokens have no place in the picture.</summary>
    public abstract ImageAspect? View { get; }

    /// <summary>Multiply-accumulates of encoding one picture.</summary>
    public abstract long TowerMacs { get; }

    /// <summary>Encodes pictures.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="hooks">Callbacks inside the tower; null for none.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    public abstract IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<Image> images, VisionTrunkHooks? hooks, CancellationToken cancellationToken);

    /// <summary>Encodes pictures.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    public IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<Image> images, CancellationToken cancellationToken) => Encode(images, null, cancellationToken);

    /// <summary>Projects a picture's features to decoder rows.</summary>
    /// <param name="features">The features; borrowed.</param>
    /// <returns>The tokens; the caller disposes them.</returns>
    public abstract VisualTokens Project(VisionFeatures features);

    /// <summary>Multiply-accumulates of projecting some rows.</summary>
    /// <param name="rows">Number of rows.</param>
    public abstract long ProjectorMacs(int rows);

    /// <summary>Tokenises a question in the model's template.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">How many images it is about.</param>
    /// <returns>Token ids with a placeholder for each image, for <see cref="BuildInput"/>.</returns>
    /// <exception cref="ApertureException">The question is empty, or cannot be asked about so many images.</exception>
    public abstract int[] Prompt(string question, int images);

    /// <summary>Builds what enters the decoder.</summary>
    /// <param name="prompt">The result of <see cref="Prompt"/>.</param>
    /// <param name="images">Tokens of the images, in order; borrowed.</param>
    /// <returns>One prompt; whoever takes the rows disposes them.</returns>
    /// <exception cref="ApertureException">The prompt asks for another number of images.</exception>
    public abstract GenerationInput BuildInput(int[] prompt, IReadOnlyList<VisualTokens> images);

    /// <summary>The tokenizer.</summary>
    /// <exception cref="ApertureException">The folder has none.</exception>
    public ITokenizer RequireTokenizer()
        => Tokenizer ?? throw new ApertureException($"'{Folder}' holds no tokenizer (tokenizer.json or tokenizer.model), so it cannot be asked in words; add the file.");

    /// <summary>Options with what the checkpoint knows filled in: where an answer ends, and what pads.</summary>
    /// <param name="options">The caller's options; null for the checkpoint's own.</param>
    public GenerationOptions Complete(GenerationOptions? options)
    {
        GenerationOptions chosen = options ?? Generation;
        IReadOnlyList<int> ends = chosen.EndOfSequence.Count > 0 ? chosen.EndOfSequence
            : Generation.EndOfSequence.Count > 0 ? Generation.EndOfSequence
            : Tokenizer?.EndId is { } end ? [end] : [];
        return chosen with { EndOfSequence = ends };
    }

    /// <summary>Criteria for an option's stop strings.</summary>
    /// <param name="options">The options.</param>
    public IReadOnlyList<IStopCriterion> StopsFor(GenerationOptions options)
    {
        if (options.StopStrings.Count == 0)
        {
            return [];
        }

        return [new KeywordStop(options.StopStrings, RequireTokenizer())];
    }

    internal bool IsDisposed => Volatile.Read(ref _isDisposed) == 1;

    /// <summary>Runs code that uses the model's parts when its turn has come: no other request runs on the model meanwhile, and the model is not disposed under it.</summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="work">The code; its token fires when it is to stop.</param>
    /// <param name="cancellationToken">Ends it, waiting or running.</param>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed meanwhile.</exception>
    /// <exception cref="ApertureException">The model is disposed.</exception>
    public T Use<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken = default) => Requests.Run(this, work, cancellationToken);

    /// <summary>
    /// Cancels the requests on the model, waits for them and disposes weights, threads and files. A request that has not ended after <see cref="RequestQueue.Patience"/> keeps them, which the
    /// queue's notice tells.
    /// </summary>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0 && Requests.Close(this, $"The model '{Name}'"))
        {
            Release(_owned);
        }
    }

    /// <summary>The question, if it can be asked.</summary>
    /// <exception cref="ApertureException">It is empty.</exception>
    protected static string Checked(string question)
        => string.IsNullOrWhiteSpace(question) ? throw new ApertureException("The question is empty; write what you want to know.") : question;

    /// <summary>Disposes what was opened, the last first: tensors before the files they are views of.</summary>
    /// <param name="owned">What was opened; empty afterwards.</param>
    private protected static void Release(List<IDisposable> owned)
    {
        for (int i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }

        owned.Clear();
    }
}
