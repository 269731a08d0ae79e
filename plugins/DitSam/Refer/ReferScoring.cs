using Aperture.Images;
using Aperture.Tasks;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>Scores a segmenter on things that sentences name: one entry a sentence.</summary>
internal static class ReferScoring
{
    /// <summary>Scores.</summary>
    /// <param name="segmenter">The segmenter; borrowed.</param>
    /// <param name="things">The things.</param>
    /// <param name="progress">Told how many things are done; null for nobody.</param>
    /// <param name="cancellation">Checked between layers.</param>
    public static ReferScores Run(ISegmenter segmenter, IReadOnlyList<ReferredThing> things, Action<int>? progress, CancellationToken cancellation)
    {
        ReferScores scores = new();
        TaskRun run = new() { Cancellation = cancellation };
        for (int i = 0; i < things.Count; i++)
        {
            Image real = MaskFiles.Load(things[i].Mask);
            SegmentPrompt[] prompts = [.. things[i].Sentences.Select(sentence => new SegmentPrompt { Text = sentence })];
            foreach (IReadOnlyList<SegmentedMask> found in segmenter.Segment(Image.Load(things[i].Picture).ToPicture(), prompts, run))
            {
                scores.Add(found[0].Mask, real);
            }

            progress?.Invoke(i + 1);
        }

        return scores;
    }
}
