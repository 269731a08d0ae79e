using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Requests;

namespace Aperture.Pipelines;

/// <summary>
/// A model with the methods that act in it, in the order given: a description, which never changes. Naming a method loads the plugin that offers it, so that a
/// typo fails at once; hooks compile at the first question (or <see cref="Build"/>), once, however many questions come at a time.
/// <see cref="With(string, object?)"/> gives a new pipeline over the same model. Questions on one model are answered in the order they were asked, from any
/// thread. Disposing releases the methods, not the model; a question that runs keeps them until it ends.
/// </summary>
public sealed partial class Pipeline : IDisposable
{
    private readonly EngineSession _session;
    private readonly Lock _gate = new();
    private BuiltPipeline? _built;

    internal Pipeline(Model model, EngineSession session, IReadOnlyList<MethodUse> methods)
    {
        Model = model;
        _session = session;
        Methods = methods;
        KeepsPrefixes = session.KeepPrefixes;
        Spec = new PipelineSpec(model.Folder, methods);
    }

    /// <summary>The model.</summary>
    public Model Model { get; }

    /// <summary>The methods, in the order they act.</summary>
    public IReadOnlyList<MethodUse> Methods { get; }

    /// <summary>The session that it belongs to.</summary>
    internal EngineSession Session => _session;

    // A model's own method comes first, unless the user configures it: then its options lie under the user's.
    internal IEnumerable<MethodUse> Acting
        => Model.OwnMethod is not { } own ? Methods
            : Methods.Any(method => method.Name == own.Name)
                ? Methods.Select(method => method.Name == own.Name && method.Object is null ? method.Over(own) : method)
            : [own, .. Methods];

    /// <summary>How a table names the pipeline: its methods with the options given and the defaults of <c>plugins.json</c>, or <c>none</c>.</summary>
    public string Label => Methods.Count == 0 ? "none" : string.Join(" + ", MethodLabels);

    /// <summary>How a table shows each method: its name, the options given, and the defaults of <c>plugins.json</c>.</summary>
    internal IEnumerable<string> MethodLabels => Methods.Select(
        method => method.Object is null ? (method with { Options = _session.Plugins.WithDefaults(method.Name, method.Options) }).Label : method.Label);

    /// <summary>The compiled hooks; null where no method acts. They are of use until the pipeline is disposed or one of its plugins reloaded.</summary>
    internal HookTable? Hooks => Lease(built => built.Table);

    /// <summary>The pipeline in writing: the model as it was named, and the methods.</summary>
    public PipelineSpec Spec
    {
        get => field with { Methods = Methods };
        internal init;
    }

    /// <summary>Whether a question starts behind what an earlier one left; see <see cref="KeepPrefixes"/>.</summary>
    public bool KeepsPrefixes { get; private init; }

    /// <summary>The same model without methods.</summary>
    public Pipeline Plain() => Of([]);

    /// <summary>
    /// The same pipeline, whose questions start behind what earlier ones left where they begin alike: a picture that was asked about is not encoded again, and
    /// where all methods let them (<see cref="IDecoderMethod.KeepsPrefixes"/>) the prompt's first rows, up to the end of its last picture, are not computed
    /// again. Answers do not depend on what was kept. The model holds what is kept, within <see cref="EngineOptions.PrefixMemory"/>, until it is disposed,
    /// the pipeline is or one of its plugins is reloaded. Measuring, evaluating, training and chats, which have a cache of their own, keep nothing.
    /// </summary>
    /// <param name="keep">Whether to; false where the engine keeps them unless told otherwise.</param>
    /// <returns>A new pipeline; this one stays as it is.</returns>
    public Pipeline KeepPrefixes(bool keep = true) => new(Model, _session, Methods) { Spec = Spec, KeepsPrefixes = keep };

    /// <summary>Loads the plugins and compiles the hooks, if that has not happened yet.</summary>
    /// <returns>This pipeline.</returns>
    /// <exception cref="ApertureException">A method is unknown, its options are wrong, or methods cannot work together.</exception>
    public Pipeline Build()
    {
        Run((_, _) => true, CancellationToken.None);
        return this;
    }

    /// <summary>Releases the methods and their plugins. A later question makes them anew.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _built?.Release();
            _built = null;
        }
    }

    /// <summary>Runs a request when its turn on the model has come.</summary>
    internal T Run<T>(Func<RequestRun, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.Run(Model, token => Lease(built => request(new RequestRun(Model, built.Table), token)), cancellationToken);

    /// <summary>Begins a conversation over a live cache.</summary>
    /// <param name="system">Instructions in front of it; null for the template's own.</param>
    /// <returns>The chat; the caller disposes it.</returns>
    public Chat Chat(string? system = null) => new(this, system);

    /// <summary>Runs a request of a conversation when its turn on the model has come.</summary>
    internal T RunLeased<T>(Func<BuiltPipeline, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.Run(Model, token => Lease(built => request(built, token)), cancellationToken);

    /// <summary>Runs a request of a conversation on a thread of the pool when its turn on the model has come.</summary>
    internal Task<T> RunLeasedAsync<T>(Func<BuiltPipeline, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.RunAsync(Model, token => Lease(built => request(built, token)), cancellationToken);

    private Task<T> RunAsync<T>(Func<RequestRun, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.RunAsync(Model, token => Lease(built => request(new RequestRun(Model, built.Table), token)), cancellationToken);

    // Behind what earlier questions left, where the pipeline is to.
    private T RunKept<T>(Func<RequestRun, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.Run(Model, token => Lease(built => request(Kept(built), token)), cancellationToken);

    private Task<T> RunKeptAsync<T>(Func<RequestRun, CancellationToken, T> request, CancellationToken cancellationToken)
        => Model.Requests.RunAsync(Model, token => Lease(built => request(Kept(built), token)), cancellationToken);

    private RequestRun Kept(BuiltPipeline built) => new(Model, built.Table, KeepsPrefixes ? _session.KeptOf(Model) : null);

    private Pipeline Of(IReadOnlyList<MethodUse> methods) => new(Model, _session, methods) { Spec = Spec, KeepsPrefixes = KeepsPrefixes };

    private T Lease<T>(Func<BuiltPipeline, T> use)
    {
        BuiltPipeline built = Leased(out bool isNew);
        try
        {
            if (isNew)
            {
                _session.TellUnused(this);
            }

            return use(built);
        }
        finally
        {
            built.Return();
        }
    }

    private BuiltPipeline Leased(out bool isNew)
    {
        lock (_gate)
        {
            isNew = _built?.TryLease() != true;
            if (isNew)
            {
                _built = Make(); // The one before was released by a reload.
                _built.TryLease();
            }

            return _built!;
        }
    }

    private BuiltPipeline Make()
    {
        PipelineMethods methods = new();
        try
        {
            MethodUse[] acting = [.. Acting];
            if (acting.Length == 0 && Model.Decoder.Info.LayersWithoutAttention.Count == 0)
            {
                return new BuiltPipeline(methods, null, Model);
            }

            foreach (MethodUse method in acting)
            {
                if (method.Object is { } given)
                {
                    methods.Add(given);
                }
                else
                {
                    methods.Add(_session.Plugins.Create(method.Name, method.Options, Model.Decoder.Info, new MethodFiles(Model)));
                }
            }

            HookTable table = HookTableBuilder.Build(Model.Decoder.Info, methods.All);
            if (table.BeforeEncoder.Count > 0)
            {
                table.BeforeEncoder[0].Encoder(Model.Encoder, Model.Name);
            }

            BuiltPipeline built = new(methods, table, Model) { Kept = KeepsPrefixes ? _session.KeptOf(Model) : null };
            _session.Track(built);
            return built;
        }
        catch
        {
            methods.Dispose();
            throw;
        }
    }
}
