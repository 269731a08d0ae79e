using System.Text.Json;
using Aperture.Plugins.InstDiffEdit.Benchmark;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Lines of the benchmarks' lists.</summary>
public sealed class DatasetLinesRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public string Kind => "dataset_lines";

    public void Run(GoldenCase golden)
    {
        List<long> counts = [];
        foreach (JsonProperty dataset in golden.Config.EnumerateObject().Where(property => property.Value.ValueKind == JsonValueKind.Object))
        {
            string list = Path.GetTempFileName();
            try
            {
                File.WriteAllLines(list, DiffusionCase.Texts(dataset.Value.GetProperty("lines")));
                IReadOnlyList<EditSample> samples = EditList.Read(list);
                JsonElement[] parsed = [.. dataset.Value.GetProperty("parsed").EnumerateArray()];
                Assert.Equal(
                    parsed.Select(DiffusionCase.Texts), samples.Select(sample => new[] { sample.Id, sample.File, sample.Source, sample.Prompt }));
                counts.Add(samples.Count);
            }
            finally
            {
                File.Delete(list);
            }
        }

        golden.CompareExact("out.counts", tensor(counts.ToArray()));
    }
}
