using System.Globalization;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>From features to words: beam search of several widths, all beams and the first alone, and greedy.</summary>
public sealed class CaptionsRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "captions";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using CaptionModel model = RecordedCaptioner.Open(golden, golden.Weights());
        int steps = golden.Config.GetProperty("max_steps").GetInt32();
        Tensor features = golden.Get("in.features");
        golden.Compare("mid.enc", model.Encoder.Run(features, RoutePlan.Soft, training: null, TaskRun.Plain).Rows);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.beam", StringComparison.Ordinal))
            .Where(name => name.EndsWith(".ids", StringComparison.Ordinal)))
        {
            string part = name[..^".ids".Length], width = part["out.beam".Length..];
            bool first = width.EndsWith("_first", StringComparison.Ordinal);
            int beams = int.Parse(first ? width[..^"_first".Length] : width, CultureInfo.InvariantCulture);
            using CaptionEnsemble ensemble = new([model], features, RoutePlan.Soft, training: null, TaskRun.Plain);
            SearchResult found = BeamSearch.Run(ensemble, beams, steps);
            golden.CompareExact(name, first ? found.Ids.select(1, 0) : found.Ids);
            golden.Compare(part + ".log_probs", first ? found.LogProbabilities.select(1, 0) : found.LogProbabilities);
            if (golden.Has(part + ".score"))
            {
                golden.Compare(part + ".score", found.Scores);
            }
        }

        Greedy(golden, model, features, steps);
    }

    // The official greedy search multiplies all log-probabilities by zero from the end on, the end's own among them.
    private static void Greedy(GoldenCase golden, CaptionModel model, Tensor features, int steps)
    {
        using CaptionEnsemble ensemble = new([model], features, RoutePlan.Soft, training: null, TaskRun.Plain);
        List<Tensor> heard = [];
        SearchResult found = GreedySearch.Run(ensemble, steps, (_, next) => heard.Add(next.clone().DetachFromDisposeScope()));
        Tensor ids = found.Ids.squeeze(1), ended = ids.eq(model.Config.Special.End).to(ScalarType.Float32).cumsum(-1).gt(0);
        golden.CompareExact("out.greedy.ids", ids);
        golden.Compare("out.greedy.chosen_log_probs", found.LogProbabilities.squeeze(1).masked_fill(ended, 0));
        Tensor all = stack(heard, 1).masked_fill(ended.unsqueeze(-1), 0);
        golden.Compare("out.greedy.log_probs_full", all.narrow(1, 0, golden.Get("out.greedy.log_probs_full").size(1)));
        heard.ForEach(next => next.Dispose());
    }
}

/// <summary>Two models or more that caption together by the mean of their log-probabilities.</summary>
public sealed class EnsembleRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "ensemble";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        IWeightSource weights = golden.Weights();
        List<CaptionModel> models = [];
        try
        {
            for (int model = 0; weights.Names.Any(name => name.StartsWith($"models.{model}.", StringComparison.Ordinal)); model++)
            {
                models.Add(RecordedCaptioner.Open(golden, weights.Under($"models.{model}.")));
            }

            Assert.True(models.Count > 1);
            long[] shape = golden.Get("out.ids").shape;
            using CaptionEnsemble ensemble = new(models, golden.Get("in.features"), RoutePlan.Soft, training: null, TaskRun.Plain);
            SearchResult found = BeamSearch.Run(ensemble, (int)shape[1], (int)shape[2]);
            golden.CompareExact("out.ids", found.Ids);
            golden.Compare("out.log_probs", found.LogProbabilities);
        }
        finally
        {
            models.ForEach(model => model.Dispose());
        }
    }
}
