using Aperture.Plugins;

namespace Aperture.TestPlugins;

// As docs/authoring.md has it.
internal sealed class LengthsCommand : IPluginCommand
{
    public string Name => "lengths";

    public string Summary => "Show how long the model's answers are.";

    public bool NeedsModel => true;

    public IReadOnlyList<CommandParameter> Arguments => [new("questions", "JSON lines with image and question.") { Required = true }];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        ISampledModel model = context.OpenQuestions(context.Text("questions")!);
        for (int sample = 0; sample < model.Samples; sample++)
        {
            context.WriteLine($"{model.SampleId(sample)}: {model.Answer(sample, [], 32, cancellationToken).Length} tokens");
        }

        return Task.FromResult(0);
    }
}
