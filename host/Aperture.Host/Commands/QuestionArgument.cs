using System.CommandLine;

namespace Aperture.Host.Commands;

/// <summary>Pictures and last a question; without the question where an option gives it.</summary>
internal sealed class QuestionArgument : Argument<string[]>
{
    public QuestionArgument(Option instead)
        : base("question")
    {
        Instead = instead;
        Arity = ArgumentArity.ZeroOrMore;
    }

    /// <summary>The option that gives the question.</summary>
    public Option Instead { get; }
}
