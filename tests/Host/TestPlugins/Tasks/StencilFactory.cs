using System.Text.Json;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

/// <summary>Opens a folder with <c>stencil.json</c>.</summary>
internal sealed class StencilFactory : ITaskFactory<ISegmenter>
{
    private const string File = "stencil.json";

    public string Name => "stencil";

    public string Summary => "Finds pixels that are as red as the one pointed at.";

    public string Checkpoints => $"A folder with {File}.";

    public IReadOnlyList<MethodOption> Options => [];

    public bool Recognises(ITaskCheckpoint checkpoint) => checkpoint.IsFolder && checkpoint.Has(File);

    public ISegmenter Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
        => new Stencil(System.IO.File.ReadAllText(files.Resolve(File)));

    private sealed class Stencil(string tone) : ISegmenter
    {
        public string Name => "stencil";

        public string Summary => tone;

        public SegmentPromptKinds Prompts => SegmentPromptKinds.Points | SegmentPromptKinds.Box;

        public IReadOnlyList<IReadOnlyList<SegmentedMask>> Segment(Picture picture, IReadOnlyList<SegmentPrompt> prompts, TaskRun run)
            => [.. prompts.Select(prompt => new[] { new SegmentedMask(Mask(picture, prompt, run), double.NaN) })];

        public void Dispose()
        {
        }

        private static MaskImage Mask(Picture picture, SegmentPrompt prompt, TaskRun run)
        {
            run.Enter("stencil");
            (int x, int y) = prompt.Points is [PromptPoint point, ..] ? ((int)point.X, (int)point.Y) : ((int)prompt.Box!.Value.Left, (int)prompt.Box.Value.Top);
            ReadOnlySpan<byte> rgb = picture.Rgb.Span;
            byte wanted = rgb[((y * picture.Width) + x) * 3];
            byte[] mask = new byte[picture.Width * picture.Height];
            for (int i = 0; i < mask.Length; i++)
            {
                mask[i] = rgb[i * 3] == wanted ? byte.MaxValue : byte.MinValue;
            }

            return new MaskImage(mask, picture.Width, picture.Height);
        }
    }
}
