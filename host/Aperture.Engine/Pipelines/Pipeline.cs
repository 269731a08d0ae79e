using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Plugins;

namespace Aperture.Engine;

/// <summary>
/// A model with the methods that act in it, in the order given. Describing is free: plugins load and hooks compile at the first question (or <see cref="Build"/>).
/// <see cref="With(string, object?)"/> gives a new pipeline over the same model. Disposing releases the methods, not the model.
/// </summary>
public sealed class Pipeline : IDisposable
{
    private readonly EngineSession _session;
    private PipelineMethods? _methods;
    private HookTable? _table;
    private bool _built;

    internal Pipeline(VisionLanguageModel model, EngineSession session, IReadOnlyList<MethodUse> methods)
    {
        Model = model;
        _session = session;
        Methods = methods;
    }

    /// <summary>The model.</summary>
    public VisionLanguageModel Model { get; }

    /// <summary>The methods, in the order they act.</summary>
    public IReadOnlyList<MethodUse> Methods { get; }

    // A model's own method comes first, unless the user configures it: then its options lie under the user's.
    internal IEnumerable<MethodUse> Acting
        => Model.OwnMethod is not { } own ? Methods
            : Methods.Any(method => method.Name == own.Name) ? Methods.Select(method => method.Name == own.Name ? method.Over(own) : method)
            : [own, .. Methods];

    /// <summary>How a table names the pipeline: its methods, or <c>none</c>.</summary>
    public string Label => Methods.Count == 0 ? "none" : string.Join(" + ", Methods.Select(m => m.Label));

    /// <summary>The compiled hooks; null where no method acts.</summary>
    public HookTable? Hooks
    {
        get
        {
            Build();
            return _table;
        }
    }

    /// <summary>The same model with one method more.</summary>
    /// <param name="method">The method's name, as a plugin registers it.</param>
    /// <param name="options">Its options, for example <c>new { Reduction = 0.6 }</c>; null for all defaults.</param>
    /// <returns>A new pipeline; this one stays as it is.</returns>
    /// <exception cref="ApertureException">The options are not an object of plain values.</exception>
    public Pipeline With(string method, object? options = null) => With(new MethodUse(method, OptionsJson.From(options)));

    /// <summary>The same model with one method more.</summary>
    /// <param name="method">The method.</param>
    public Pipeline With(MethodUse method) => new(Model, _session, [.. Methods, method]);

    /// <summary>The same model without methods.</summary>
    public Pipeline Plain() => new(Model, _session, []);

    /// <summary>Loads the plugins and compiles the hooks, if that has not happened yet.</summary>
    /// <returns>This pipeline.</returns>
    /// <exception cref="ApertureException">A method is unknown, its options are wrong, or methods cannot work together.</exception>
    public Pipeline Build()
    {
        if (_built)
        {
            return this;
        }

        try
        {
            MethodUse[] acting = [.. Acting];
            if (acting.Length > 0 || Model.Decoder.Info.LayersWithoutAttention.Count > 0)
            {
                _methods = new PipelineMethods();
                foreach (MethodUse method in acting)
                {
                    _methods.Add(_session.Plugins.Create(method.Name, method.Options, Model.Decoder.Info, new MethodFiles(Model)));
                }

                _table = HookTableBuilder.Build(Model.Decoder.Info, _methods.All);
                _session.Track(_table, this);
            }

            _built = true;
            _session.TellUnused(this);
        }
        catch
        {
            Dispose();
            throw;
        }

        return this;
    }

    /// <summary>Asks about a picture.</summary>
    /// <param name="image">The picture; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for greedy and the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <returns>The answer.</returns>
    public Task<Answer> Ask(Image? image, string question, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Task.Run(() => AskNow(image, question, options, null, cancellationToken), cancellationToken);

    /// <summary>Asks about a picture and hands out the answer piece by piece as it is generated.</summary>
    /// <inheritdoc cref="Ask"/>
    public async IAsyncEnumerable<string> Stream(Image? image, string question, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<string> pieces = Channel.CreateUnbounded<string>();
        Task asking = Task.Run(
            () =>
            {
                try
                {
                    AskNow(image, question, options, piece => pieces.Writer.TryWrite(piece), left.Token);
                }
                finally
                {
                    pieces.Writer.Complete();
                }
            },
            CancellationToken.None);
        bool read = false;
        try
        {
            await foreach (string piece in pieces.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return piece;
            }

            read = true;
        }
        finally
        {
            if (!read)
            {
                await left.CancelAsync().ConfigureAwait(false);
            }

            await asking.ConfigureAwait(read ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Asks on the calling thread.</summary>
    /// <param name="image">The picture; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for greedy.</param>
    /// <param name="onPiece">Gets pieces of the answer as they come; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    public Answer AskNow(Image? image, string question, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
    {
        Build();
        return new PipelineRun(Model, _table).Ask(image, question, options, onPiece, cancellationToken);
    }

    /// <summary>Releases the methods and their plugins.</summary>
    public void Dispose()
    {
        _table = null;
        _built = false;
        _methods?.Dispose();
        _methods = null;
    }

    /// <summary>Whether it holds methods of a plugin.</summary>
    internal bool Uses(string plugin) => _methods?.AreOf(plugin) == true;
}
