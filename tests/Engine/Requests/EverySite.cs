using Aperture.Decoding;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Requests;

/// <summary>
/// A method at every site there is. It changes nothing and notes where it was called and what it saw of the request. Every picture it sees costs
/// <see cref="Macs"/> and leaves a shared tensor.
/// </summary>
internal sealed class EverySite : ITokenReducer, ILayerRouter
{
    /// <summary>What a picture costs it.</summary>
    public const long Macs = 7;

    private const int Hooked = 1, Routed = 2; // a layer whose attention is read cannot be routed

    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);
    private readonly VisionTrunkHooks _vision;

    public EverySite()
    {
        _vision = new VisionTrunkHooks
        {
            AfterEmbedding = (context, rows) => See("Vision.AfterEmbedding", context, rows),
            BeforeBlock = (context, _) => Vision("Vision.BeforeBlock", context),
            BeforeAttention = (context, _) => Vision("Vision.BeforeAttention", context),
            AfterBlock = (context, _) => Vision("Vision.AfterBlock", context),
        };
    }

    /// <summary>The sites of pictures, in the order that a picture comes by.</summary>
    public static IReadOnlyList<string> PictureSites { get; } =
        ["BeforeEncoder", "Vision.AfterEmbedding", "Vision.BeforeBlock", "Vision.BeforeAttention", "Vision.AfterBlock", "BeforeProjector", "BeforeDecoder"];

    /// <summary>The sites of a decoder layer.</summary>
    public static IReadOnlyList<string> LayerSites { get; } = ["BeforeLayer", "BeforeAttention", "AfterAttention", "AfterLayer", "Route"];

    public string Name => "every-site";

    /// <summary>Where it was called, decoder sites with their phase.</summary>
    public IEnumerable<string> Sites => _calls.Keys.Order(StringComparer.Ordinal);

    /// <summary>The requests that it met.</summary>
    public HashSet<IRequestContext> Requests { get; } = [];

    /// <summary>The pictures that entered the encoder, in order.</summary>
    public List<PictureTile> Pictures { get; } = [];

    /// <summary>The pictures whose tokens entered the decoder, by sample and place, in order.</summary>
    public List<(int Sample, int Image)> Entered { get; } = [];

    /// <summary>Whether somebody listened to the request of each picture.</summary>
    public List<bool> Traced { get; } = [];

    /// <summary>Called when a picture enters the encoder; null for nothing.</summary>
    public Action<IVisionContext>? OnPicture { get; set; }

    /// <summary>The names that all sites have together in some phases.</summary>
    public static IEnumerable<string> In(params DecoderPhase[] phases)
        => PictureSites.Concat(phases.SelectMany(phase => LayerSites.Select(site => $"{site} in {phase}"))).Order(StringComparer.Ordinal);

    public void Declare(IReducerSites sites)
    {
        sites.BeforeEncoder((context, rows) =>
        {
            Note("BeforeEncoder", context.Request);
            return rows;
        });
        sites.BeforeProjector((context, features) =>
        {
            Note("BeforeProjector", context.Request);
            return features;
        });
        sites.BeforeDecoder((context, tokens) =>
        {
            Note("BeforeDecoder", context.Request);
            Assert.NotNull(context.Request.Shared(Shared(context.Sample, context.Image)));
            Entered.Add((context.Sample, context.Image));
            return tokens;
        });
        sites.BeforeLayer(Hooked, DecoderPhase.All, (context, _) => Layer<Tensor>("BeforeLayer", context));
        sites.AfterAttention(Hooked, DecoderPhase.All, (context, statistics) =>
        {
            Assert.NotNull(statistics);
            return Layer<RowSelection>("AfterAttention", context);
        });
        sites.AfterLayer(Hooked, DecoderPhase.All, needsAttention: true, (context, _, statistics) =>
        {
            Assert.NotNull(statistics);
            return Layer<RowSelection>("AfterLayer", context);
        });
    }

    public void Declare(IRouterSites sites)
    {
        sites.Vision(_vision);
        sites.BeforeAttention(Hooked, DecoderPhase.All, (context, _) => Layer<AttentionInput>("BeforeAttention", context));
        sites.Route(Routed, DecoderPhase.All, RouteUse.Skip | RouteUse.Subset, (context, _, _) =>
        {
            Layer<LayerRoute>("Route", context);
            return [.. Enumerable.Repeat(LayerRoute.Run, context.Samples)];
        });
    }

    /// <summary>How often a site was called.</summary>
    public int Calls(string site) => _calls.GetValueOrDefault(site);

    public void Dispose()
    {
    }

    private static string Shared(int sample, int image) => $"every-site {sample} {image}";

    private Tensor? See(string site, IVisionContext context, Tensor rows)
    {
        IRequestContext request = context.Request!;
        OnPicture?.Invoke(context);
        foreach (PictureTile picture in context.Pictures)
        {
            Pictures.Add(picture);
            Traced.Add(request.Trace is not null);
            request.Trace?.MethodMacs(Name, Macs);
            request.Share(Shared(picture.Sample, picture.Image), rows.mean([1])); // [B, N, C] -> [B, C]
        }

        return Vision(site, context);
    }

    private Tensor? Vision(string site, IVisionContext context)
    {
        Assert.NotNull(context.Request);
        Assert.Equal(context.Request.Cancellation, context.Cancellation);
        Note(site, context.Request);
        return null;
    }

    private T? Layer<T>(string site, ILayerContext context)
        where T : class
    {
        Note($"{site} in {context.Phase}", context.Request);
        return null;
    }

    private void Note(string site, IRequestContext request)
    {
        _calls[site] = Calls(site) + 1;
        Requests.Add(request);
    }
}
