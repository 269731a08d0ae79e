using System.Runtime.CompilerServices;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Natives;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Models;

/// <summary>
/// A model that is asked about pictures, assembled from the parts that its family gives. Owns everything that was opened for it, and holds its family's plugin.
/// Its parts serve one thread at a time. Pipelines see to that; whoever calls the parts himself does it inside <see cref="Use"/>.
/// </summary>
public sealed class Model : IDisposable
{
    private readonly ModelOpening _opening;
    private readonly PluginLease? _lease;
    private readonly ConditionalWeakTable<IDisposable, object> _users = [];
    private ModelParts? _parts;
    private string? _unloaded; // what it is told that asks for it
    private int _isDisposed;

    private Model(ModelParts parts, ModelOpening opening, PluginLease? lease) => (_parts, _opening, _lease) = (parts, opening, lease);

    /// <summary>Name of the model, for tables and recipes.</summary>
    public required string Name { get; init; }

    /// <summary>The family that knows it.</summary>
    public required string Family { get; init; }

    /// <summary>The checkpoint's folder; empty without one.</summary>
    public required string Folder { get; init; }

    /// <summary>The decoder.</summary>
    public required Decoder Decoder { get; init; }

    /// <summary>Names in the checkpoint that nothing of the model loads.</summary>
    public required IReadOnlyList<string> Unclaimed { get; init; }

    /// <summary>Wall time of opening.</summary>
    public required TimeSpan LoadTime { get; init; }

    /// <summary>Operations: device, element type, threads.</summary>
    public Ops Ops => _opening.Ops;

    /// <summary>The vision encoder.</summary>
    public IVisionEncoder Encoder => Parts.Encoder;

    /// <summary>What turns features into decoder rows.</summary>
    public IProjector Projector => Parts.Projector;

    /// <summary>How text and pictures become one sequence.</summary>
    public IPacker Packer => Parts.Packer;

    /// <summary>How conversations become token ids.</summary>
    public IPromptComposer Prompts => Parts.Prompts;

    /// <summary>The tokenizer; null for a folder that has none.</summary>
    public ITokenizer? Tokenizer => Parts.Tokenizer;

    /// <summary>Generation settings of the checkpoint.</summary>
    public GenerationOptions Generation => Parts.Generation;

    /// <summary>The open checkpoint, for methods whose weights lie in it.</summary>
    public IWeightSource Checkpoint => Parts.Checkpoint;

    /// <summary>
    /// The method that is part of the model and acts wherever the user does not configure it himself; null for a model that is whole without one.
    /// </summary>
    public MethodUse? OwnMethod => Parts.OwnMethod is { } own ? new MethodUse(own.Name, own.Options) : null;

    /// <summary>How it is trained; null for a model that is not.</summary>
    public IModelTraining? Training => Parts.Training;

    /// <summary>Whether the weights are others than the files hold: an adapter is merged in, or codes were turned into numbers.</summary>
    internal bool IsRewritten => _opening.IsRewritten;

    /// <summary>Where requests wait for their turn; a session's models share one.</summary>
    public RequestQueue Requests { get; internal set; } = new();

    internal bool IsDisposed => Volatile.Read(ref _isDisposed) == 1;

    /// <summary>Id of the plugin that its family comes from; null for a model that was assembled without one.</summary>
    internal string? Plugin => _lease?.Entry.Id;

    private ModelParts Parts => _parts ?? throw new ApertureException(Gone);

    private string Gone => _unloaded ?? $"The model '{Name}' is disposed, so it can be asked nothing more; open it anew.";

    /// <summary>Assembles a model.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="parts">The parts.</param>
    /// <param name="opening">What keeps them; owned by the model from here on, also if this throws.</param>
    /// <param name="origin">Where it comes from; null for parts that were made without a folder and without a plugin.</param>
    /// <exception cref="ApertureException">Weights are missing or do not fit the decoder's sizes.</exception>
    public static Model Assemble(string name, ModelParts parts, ModelOpening opening, ModelOrigin? origin = null)
    {
        try
        {
            DecoderInfo info = parts.Decoder.Describe(name, parts.VisualTokens);
            HeadNotice.Tell(parts, opening, origin?.Folder ?? name);
            TokenRows.TellEnds(parts.Generation, parts.Decoder.VocabularySize, opening.Tell);
            if (parts.Tokenizer is not null)
            {
                TokenRows.Tell(parts.Tokenizer, parts.Decoder.VocabularySize, opening.Tell, origin?.Folder ?? name);
            }

            DecoderWeights weights = DecoderWeights.Load(parts.Weights, "model.", "lm_head", parts.Decoder, parts.Policy);
            Decoder decoder = opening.Keep(new Decoder(parts.Decoder, weights, opening.Ops, info));
            HashSet<string> loaded = [.. weights.Names("model.", "lm_head")];
            return new Model(parts, opening, origin?.Lease)
            {
                Name = name,
                Family = origin?.Family ?? "",
                Folder = origin?.Folder ?? "",
                Decoder = decoder,
                Unclaimed =
                [
                    .. parts.Checkpoint.Names.Where(entry => !parts.IsClaimed(entry) && !loaded.Contains(parts.Canonical(entry))).Order(StringComparer.Ordinal),
                ],
                LoadTime = origin is null ? TimeSpan.Zero : System.Diagnostics.Stopwatch.GetElapsedTime(origin.Started),
            };
        }
        catch
        {
            opening.Dispose();
            throw;
        }
    }

    /// <summary>The tokenizer.</summary>
    /// <exception cref="ApertureException">The folder has none.</exception>
    public ITokenizer RequireTokenizer()
        => Tokenizer
            ?? throw new ApertureException($"'{Folder}' holds no tokenizer (tokenizer.json or tokenizer.model), so it cannot be asked in words; add the file.");

    /// <summary>Options with what the checkpoint knows filled in: where an answer ends, and what pads.</summary>
    /// <param name="options">The caller's options; null for the checkpoint's own.</param>
    public GenerationOptions Complete(GenerationOptions? options)
    {
        GenerationOptions chosen = GenerationConflicts.Resolve(options ?? Generation, Generation, _opening.Tell);
        IReadOnlyList<int> ends = chosen.EndOfSequence.Count > 0 ? chosen.EndOfSequence
            : Generation.EndOfSequence.Count > 0 ? Generation.EndOfSequence
            : Tokenizer?.EndId is { } end ? [end] : [];
        return chosen with { EndOfSequence = ends };
    }

    /// <summary>The checkpoint's settings, with a longest answer where it says none itself.</summary>
    /// <param name="longest">Longest answer in tokens.</param>
    public GenerationOptions WithLength(int longest)
        => Generation.HasOwnLength ? Generation : Generation with { MaxNewTokens = Math.Max(longest, Generation.MinNewTokens) };

    /// <summary>Says who gets the lines about what of the checkpoint is not done as its files say.</summary>
    /// <param name="onNotice">Gets them, those of its opening first.</param>
    public void SendNotices(Action<string> onNotice) => _opening.SendNotices(onNotice);

    /// <summary>Rows that a prompt may have as the checkpoint says; null where it says nothing, or its packer limits them.</summary>
    internal int? MaxPromptRows => Parts.MaxPromptRows;

    /// <summary>Tells the user something about the checkpoint.</summary>
    internal void Tell(string line) => _opening.Tell(line);

    /// <summary>Criteria for an option's stop strings.</summary>
    /// <param name="options">The options.</param>
    public IReadOnlyList<IStopCriterion> StopsFor(GenerationOptions options)
        => options.StopStrings.Count == 0 ? [] : [new KeywordStop(options.StopStrings, RequireTokenizer())];

    /// <summary>
    /// Runs code that uses the model's parts when its turn has come: no other request runs on the model meanwhile, and the model is not disposed under it.
    /// </summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="work">The code; its token fires when it is to stop.</param>
    /// <param name="cancellationToken">Ends it, waiting or running.</param>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed meanwhile.</exception>
    /// <exception cref="ApertureException">The model is disposed.</exception>
    public T Use<T>(Func<CancellationToken, T> work, CancellationToken cancellationToken = default) => Requests.Run(this, work, cancellationToken);

    /// <summary>Takes no more requests, waits for those that run or wait, which end as they would, and disposes the model.</summary>
    /// <param name="mend">How to have it again, for whoever asks it later.</param>
    /// <param name="cancellationToken">Ends the waiting; the model stays as it is then.</param>
    internal async Task UnloadAsync(string mend, CancellationToken cancellationToken)
    {
        string told = $"{Name} was unloaded; {mend}.";
        await Requests.DrainAsync(this, told, cancellationToken).ConfigureAwait(false);
        _unloaded = told;
        Dispose();
    }

    /// <summary>Disposes something with the model, unless it is forgotten before: a conversation that holds a cache between requests.</summary>
    internal void Attach(IDisposable user) => _users.AddOrUpdate(user, user);

    /// <summary>
    /// Cancels the requests on the model, waits for them, disposes weights, threads and files, and gives its family's plugin back. A request that has not ended
    /// after
    /// <see cref="RequestQueue.Patience"/> keeps them, which the queue's notice tells.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0 && Requests.Close(this, $"The model '{Name}'", Gone))
        {
            foreach ((IDisposable user, _) in _users)
            {
                user.Dispose();
            }

            _parts = null; // Of the plugin's types: a variable that still holds the model must not keep the plugin in memory.
            _opening.Dispose();
            _lease?.Dispose();
            TensorPages.GiveBack();
        }
    }
}

/// <summary>Where a model comes from.</summary>
/// <param name="Family">The family that knows it.</param>
/// <param name="Folder">The checkpoint's folder.</param>
/// <param name="Started">Time stamp of the start of opening.</param>
public sealed record ModelOrigin(string Family, string Folder, long Started)
{
    /// <summary>The right to use the family's plugin; given back with the model.</summary>
    internal PluginLease? Lease { get; init; }
}
