using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet;

/// <summary>A DTNet, or several, with vocabulary and sources of features. Owns all of them.</summary>
internal sealed class DtNetCaptioner : ICaptioner
{
    /// <summary>Tokens of a caption at most where nobody says.</summary>
    public const int UsualCaption = 20;

    private const int Together = 32;

    private readonly IReadOnlyList<CaptionModel> _models;
    private readonly Vocabulary _vocabulary;
    private readonly FeatureFile? _features;
    private readonly PictureTower? _tower;
    private readonly DtNetOptions _options;
    private readonly IReadOnlyList<IDisposable> _owned;

    /// <summary>A captioner.</summary>
    /// <param name="models">The models, at least one.</param>
    /// <param name="vocabulary">Their words.</param>
    /// <param name="features">Features by id; null for none.</param>
    /// <param name="tower">Encodes pictures; null for none.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="owned">Everything to dispose, in the order in which it was opened; owned once the constructor returns.</param>
    /// <exception cref="ApertureException">The tower's features are not as wide as the checkpoint's.</exception>
    public DtNetCaptioner(
        IReadOnlyList<CaptionModel> models, Vocabulary vocabulary, FeatureFile? features, PictureTower? tower, DtNetOptions options,
        IReadOnlyList<IDisposable> owned)
    {
        (_models, _vocabulary, _features, _tower, _options, _owned) = (models, vocabulary, features, tower, options, owned);
        if (tower is not null && tower.Channels != Config.Features)
        {
            throw new ApertureException(
                $"{Name}: the tower gives {tower.Channels} channels, but the checkpoint takes features of {Config.Features}; give the tower it was trained "
                + "with.");
        }

        foreach (CaptionModel model in options.RepFold ? models : [])
        {
            model.Fold();
        }
    }

    public string Name => DtNetFactory.CaptionerName;

    public string Summary
        => $"DTNet of width {Config.Width}, {Config.EncoderLayers} routed encoder layers, {Config.DecoderLayers} decoder layers, {Config.Vocabulary} words"
            + $"{(_models.Count > 1 ? $", {_models.Count} models together" : "")}; routes: {_options.Route}.";

    public bool TakesPictures => _tower is not null;

    private CaptionConfig Config => _models[0].Config;

    public IReadOnlyList<IReadOnlyList<ScoredCaption>> Caption(IReadOnlyList<CaptionInput> inputs, CaptionRequest request, TaskRun run)
    {
        if (inputs.Count == 0)
        {
            throw new ApertureException($"{Name}: there is nothing to caption; give one picture, its features or its id at least.");
        }

        int beams = request.Beams ?? _options.Beams;
        int steps = request.LongestCaption ?? _options.LongestCaption ?? Math.Min(UsualCaption, Config.LongestCaption);
        if (request.Count < 1 || request.Count > beams)
        {
            throw new ApertureException($"{Name}: {request.Count} captions of each picture are wanted of {beams} beams; ask for 1 to {beams}.");
        }

        using IDisposable quiet = inference_mode();
        List<IReadOnlyList<ScoredCaption>> captions = [];
        foreach (CaptionInput[] batch in inputs.Chunk(Together))
        {
            captions.AddRange(CaptionBatch(batch, captions.Count, inputs.Count, beams, steps, request.Count, run));
        }

        return captions;
    }

    public void Dispose()
    {
        for (int part = _owned.Count - 1; part >= 0; part--)
        {
            _owned[part].Dispose();
        }
    }

    private ScoredCaption[][] CaptionBatch(CaptionInput[] batch, int before, int all, int beams, int steps, int count, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        run.Enter("features");
        Tensor features = tensor(batch.SelectMany(input => Features(input, run)).ToArray(), [batch.Length, Config.Cells, Config.Features])
            .to(_models[0].Device); // [B, N, channels]
        run.Enter("encoder");
        PathTrace? paths = PathTrace.WantedBy(run) ? new PathTrace(run.Trace) : null;
        using CaptionEnsemble ensemble = new(_models, features, _options.RoutePlan, training: null, paths is null ? run : run with { Trace = paths });
        paths?.Tell(run, _options.PathThreshold);
        run.Enter("decoder");
        SearchResult found = beams == 1 ? GreedySearch.Run(ensemble, steps) : BeamSearch.Run(ensemble, beams, steps);
        long[] ids = found.Ids.cpu().data<long>().ToArray();
        float[] scores = found.Scores.cpu().data<float>().ToArray();
        for (int input = 0; input < batch.Length; input++)
        {
            run.Progress?.Report(new TaskProgress("captions", before + input + 1, all)
            {
                Picture = run.WantsPreviews && paths is not null ? PathPicture.Draw(paths.Of(input, _options.PathThreshold)) : null,
            });
        }

        return
        [
            .. Enumerable.Range(0, batch.Length).Select(input => Enumerable.Range(0, count).Select(beam => new ScoredCaption(
                _vocabulary.Decode(new ArraySegment<long>(ids, ((input * beams) + beam) * steps, steps), _options.DropRepeats),
                scores[(input * beams) + beam])).ToArray()),
        ];
    }

    private float[] Features(CaptionInput input, TaskRun run)
    {
        FeatureRows rows = input.Features ?? (input.Id is { } id ? OfId(id) : OfPicture(input, run));
        return rows.Channels == Config.Features
            ? FeatureFile.Fit(rows, Config.Cells)
            : throw new ApertureException(
                $"{Name}: features of {rows.Channels} channels{(input.Id is { } named ? $" of picture '{named}'" : "")}; this checkpoint takes "
                + $"{Config.Features}.");
    }

    private FeatureRows OfId(string id)
    {
        if (_features is null)
        {
            throw new ApertureException($"{Name}: picture '{id}' is given by its id, but there is no file of features; open the checkpoint with Features.");
        }

        return _options.AllowMissing && !_features.Contains(id) ? new FeatureRows(new float[Config.Features], 1, Config.Features) : _features.Read(id);
    }

    private FeatureRows OfPicture(CaptionInput input, TaskRun run)
        => _tower is not null && input.Picture is { } picture
            ? _tower.Encode(picture, Config.Grid, run)
            : throw new ApertureException(
                $"{Name}: an input has neither features nor an "
                + $"id{(_tower is null ? ", and without the option Tower no picture is encoded" : " nor a picture")}.");
}
